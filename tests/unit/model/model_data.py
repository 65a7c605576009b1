"""A tiny learnable dataset and small runs for the tests of `model`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from model.config import ModelConfig, RunConfig, TrainConfig
from tokenizer.shards import Manifest, Shards, write_shards

VOCAB = 64
SHAPE = ModelConfig(vocab=VOCAB, context=32, d_model=16, n_layers=2, n_heads=2, d_ff=32)


def tokens(count: int, start: int) -> np.ndarray:
    """Deterministic ids with structure at several distances, without a random generator."""
    i = np.arange(start, start + count, dtype=np.int64)
    return (i // 7 * 5 + (i % 7) ** 2 + i // 90 % 3 * (i % 2)) % VOCAB


def write_dataset(folder: Path) -> Shards:
    """20,000 training and 3,000 validation tokens of two bytes each."""
    draft = Manifest(corpus="c", tokenizer="t", source="test", vocab=VOCAB, train_bytes=40_000, validation_bytes=6_000)
    return write_shards(folder, draft, [tokens(20_000, 0)], [tokens(3_000, 50_000)])


def small_run(data: Shards, model: ModelConfig = SHAPE, **train: Any) -> RunConfig:
    """12 steps of 4 sequences, the last step partial, unless told otherwise."""
    base = TrainConfig(sequences=47, batch=4, lr=0.005, warmup=0.1)
    return RunConfig(model, dataclasses.replace(base, **train), data.manifest.dataset)
