"""Suggestions of further runs: what is known, what may be added, in which order."""
