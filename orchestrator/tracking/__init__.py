"""wandb: the mirror of each run, the one run of a sweep, and projects read back as tables."""
