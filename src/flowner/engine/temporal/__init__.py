"""The driver for those who run Temporal: it says when, PostgreSQL says whether."""
