"""The sweep file: text → a checked SweepSpec."""
