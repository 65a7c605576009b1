"""One script per headline figure; each prints ratios measured side by side in one run."""
