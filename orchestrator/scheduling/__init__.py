"""Which run goes to which worker and when, what came of it, and how long runs take."""
