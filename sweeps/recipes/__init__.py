"""Recipes: what they are, the built-in ones in a file each, and the registry of all."""
