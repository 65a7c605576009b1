"""Example sweeps and bases for `extends`."""
