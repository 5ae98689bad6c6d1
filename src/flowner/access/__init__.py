"""What is allowed, and why: pure functions over facts."""
