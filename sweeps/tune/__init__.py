"""Tuning: trials at a few cells, decided round by round, and the recipe that their losses give."""
