"""Rules that tell which documents of a corpus are worth training on, each from a paper."""
