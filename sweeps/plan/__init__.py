"""A SweepSpec → a Plan: its runs and their durations, the cells that cannot run, and what the grid can answer."""
