"""A sweep file → a plan of runs. Trains nothing and loads no torch."""
