"""Secrets, sealed; opened for one action at a time."""
