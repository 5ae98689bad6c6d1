"""A flow's life: imported, turned on, shared, lent to, handed over, run and read about."""
