"""N-gram models as baselines: token shards → the loss of interpolated modified Kneser-Ney. Imports numpy alone."""
