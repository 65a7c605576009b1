"""Small models on a CPU: hand-written and native C++ backward passes, equal to torch's up to rounding."""
