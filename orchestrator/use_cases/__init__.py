"""What a user can ask for: plan, submit, train, answer, control, validate; the faces call these alone."""
