"""Token shards → one loss: one training run, with torch and numpy alone."""
