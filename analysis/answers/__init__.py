"""A law → answers: questions, comparisons, conventions, published laws, and all of it as plain data."""
