"""What people are asked for and answer: approvals that runs wait for, and the letters about them.

An approval is rows and nothing else. Whoever answers settles it in one transaction with the
message that wakes the run: there is no moment at which one is there without the other.
"""
