"""Synthetic tokens: of the given vocabulary, the same on every call, and on no disk."""

from __future__ import annotations

import numpy as np
import pytest

from model.synthetic import DATASET, synthetic_shards


@pytest.mark.parametrize(("vocab", "dtype"), [(64, np.uint16), (70_000, np.uint32)])
def test_tokens_are_uniform_and_the_same_on_every_call(vocab: int, dtype: type) -> None:
    shards, again = synthetic_shards(vocab, 50_000, 3_000), synthetic_shards(vocab, 50_000, 3_000)
    assert (shards.train.dtype, len(shards.train), len(shards.validation)) == (dtype, 50_000, 3_000)
    assert np.array_equal(shards.train, again.train) and np.array_equal(shards.validation, again.validation)
    assert shards.train.max() < vocab and shards.validation.max() < vocab
    assert shards.train.mean() == pytest.approx((vocab - 1) / 2, rel=0.02)
    assert not np.array_equal(shards.train[:3_000], shards.validation)


def test_each_token_counts_as_a_byte() -> None:
    shards = synthetic_shards(64, 50_000)
    assert shards.manifest.text_of().bytes_per_token == 1.0
    assert len(shards.validation) == 200_000
    manifest = shards.manifest
    assert (manifest.dataset, manifest.vocab, manifest.train_bytes, manifest.train_tokens) == (
        DATASET,
        64,
        50_000,
        50_000,
    )
    assert not shards.path.exists()
