"""Recipes: what they are, the built-in ones (one per file), and the registry of all."""
