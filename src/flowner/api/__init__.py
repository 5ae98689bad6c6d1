"""The doors for programs: run flows, read runs, call HTTP triggers."""
