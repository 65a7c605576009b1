"""Runs that repeat tokens → what repetition is worth, and the table as if all tokens were fresh."""
