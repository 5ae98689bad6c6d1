"""Guests of the house: each speaks to one outside system, and none knows another."""
