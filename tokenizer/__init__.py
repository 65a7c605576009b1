"""Text → token shards: a corpus read and split, a tokenizer trained, tokens encoded and written."""
