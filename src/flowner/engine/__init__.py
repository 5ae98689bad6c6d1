"""Makes runs move: carries out what the planner says, and writes down what came of it."""
