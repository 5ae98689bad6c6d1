"""What happens next: the pure planner.

`Run` folds events into state and says what to do; `simulate` drives it in memory.
"""
