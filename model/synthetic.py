"""Synthetic tokens in memory, for measuring speed without a corpus. Imports numpy alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tokenizer.shards import Manifest, Shards, id_dtype

DATASET = "synthetic"
"""Name of the dataset, in place of a content hash."""


def synthetic_shards(vocab: int, train_tokens: int, validation_tokens: int = 200_000) -> Shards:
    """Uniformly drawn ids that count as one byte of text each, the same on every call; nothing is written."""
    generator = np.random.default_rng(0)
    train, validation = (
        generator.integers(0, vocab, count, dtype=np.uint32).astype(id_dtype(vocab))
        for count in (train_tokens, validation_tokens)
    )
    manifest = Manifest(
        corpus=DATASET,
        tokenizer=DATASET,
        source=DATASET,
        vocab=vocab,
        dataset=DATASET,
        dtype=id_dtype(vocab),
        train_tokens=train_tokens,
        validation_tokens=validation_tokens,
        train_bytes=train_tokens,
        validation_bytes=validation_tokens,
    )
    return Shards(Path(DATASET), manifest, train, validation)
