"""What happened: the record of every run, which is also what the engine replays.

Entries are bytes with a kind and a path: what they mean is the planner's business.
"""
