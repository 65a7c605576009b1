"""Which run goes to which worker, when and in which order, and what came of it."""
