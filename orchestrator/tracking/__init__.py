"""The only user of wandb: the mirror of runs, and projects read as tables."""
