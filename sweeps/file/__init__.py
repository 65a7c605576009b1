"""A sweep file's text → a checked SweepSpec: parsed, typed, composed with its base and overrides."""
