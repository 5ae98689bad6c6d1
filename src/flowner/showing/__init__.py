"""What the commands print for people: the same answers as ``--json``, to be read at a glance."""
