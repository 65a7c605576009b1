"""A tiny learnable dataset, small runs, and what the tests of `model` share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.config import ModelConfig, RunConfig, TrainConfig
from model.cpu import build
from model.implementation import Implementation
from model.scoring import RunResult
from tokenizer.shard_writer import write_shards
from tokenizer.shards import Manifest, Shards

VOCAB = 64
SHAPE = ModelConfig(vocab=VOCAB, context=32, d_model=16, n_layers=2, n_heads=2, d_ff=32)
CPU = torch.device("cpu")
CHOSEN = "native" if build.compiler() else "handwritten"
"""The branches that this machine chooses for SHAPE."""
NATIVE = [Implementation(branches="native"), Implementation(branches="native", micro_batch=3)]
IMPLEMENTATIONS = [
    Implementation(),
    Implementation(attention="fused"),
    Implementation(branches="handwritten"),
    Implementation(branches="handwritten", micro_batch=3),
    *(NATIVE if build.compiler() else []),
]


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
    return RunConfig(model, small_run_train(**train), data.manifest.dataset)


def small_run_train(**train: Any) -> TrainConfig:
    """The training of `small_run`."""
    return dataclasses.replace(TrainConfig(sequences=47, batch=4, lr=0.005, warmup=0.1), **train)


def ignore(event: dict[str, Any]) -> None:
    """A sink that drops its events."""
    del event


def scores(result: RunResult) -> tuple[float, float, float]:
    """What must be bit-equal where runs are."""
    return result.loss, result.train_loss, result.bits_per_byte


def interrupt_at(step: int) -> Callable[[], bool]:
    """A `stop` that asks for an end after this many steps."""
    asked = iter(range(10**9))
    return lambda: next(asked) >= step


def same_state(first: Any, second: Any) -> bool:
    """Whether two checkpoint states are equal to the last bit, apart from their seconds."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same_state(first[k], second[k]) for k in first if k != "seconds")
    if isinstance(first, (list, tuple)):
        return all(same_state(a, b) for a, b in zip(first, second, strict=True))
    return first == second


def write_mix(folder: Path) -> Shards:
    """Two domains of 12,000 and 8,000 training tokens, read three to one, and a further set of 700."""
    draft = Manifest(
        corpus="c",
        tokenizer="t",
        source="test",
        vocab=VOCAB,
        train_bytes=40_000,
        validation_bytes=6_000,
        domains={"a": {"tokens": 12_000, "weight": 0.75}, "b": {"tokens": 8_000, "weight": 0.25}},
        sets={"a": {"bytes": 2_100, "tokens": 700, "scored_bytes": 0, "text": "t"}},
    )
    parts = [tokens(20_000, 0)], [tokens(3_000, 50_000)]
    return write_shards(folder, draft, *parts, sets={"a": [tokens(700, 60_000)]})
