"""A SweepSpec → a Plan: its runs and what they cost, the cells that cannot run, and what it would tell."""
