"""The plan: SweepSpec → the runs of a sweep, their durations, and what they can answer."""
