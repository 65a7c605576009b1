"""wandb: the mirror of each run, one wandb run that sums up a sweep, and projects read back as tables."""
