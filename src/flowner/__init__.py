"""Flowner: a workflow server that says, for every action, in whose name it ran."""
