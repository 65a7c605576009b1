"""A law, or a plan without runs, → the further runs that narrow an answer most for what they cost."""
