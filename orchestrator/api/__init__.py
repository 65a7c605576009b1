"""The REST interface and the page over the use cases; the only user of FastAPI."""
