"""What starts a run: a press, a clock, a changed row, a call."""
