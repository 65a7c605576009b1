"""Runs of one shape trained together, as one computation with a leading axis of runs."""
