"""What a process says of itself while it works: figures, traces and logs."""
