"""A small company: flows of every kind, and in whose name each of their actions ran."""
