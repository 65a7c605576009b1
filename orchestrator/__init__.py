"""A plan → results: everything that schedules, stores, answers and serves."""
