"""The order in which a run reads its windows: it depends on seed and position alone, each window once an epoch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenizer.shards import ShardError
from tokenizer.windows import _radices, gather, sequence_count, sequence_indices


@pytest.mark.parametrize(
    ("tokens", "context", "count"), [(0, 4, 0), (1, 4, 0), (4, 4, 0), (5, 4, 1), (8, 4, 1), (9, 4, 2), (129, 128, 1)]
)
def test_sequence_count(tokens: int, context: int, count: int) -> None:
    assert sequence_count(tokens, context) == count


@settings(max_examples=150)
@given(st.integers(1, 3_000), st.integers(-(2**63), 2**64 - 1), st.integers(0, 2**20))
def test_each_epoch_is_a_permutation(windows: int, seed: int, epoch: int) -> None:
    order = sequence_indices(seed, epoch * windows, windows, windows)
    assert np.array_equal(np.sort(order), np.arange(windows))


@settings(max_examples=100)
@given(st.integers(1, 500), st.integers(0, 2**32), st.lists(st.integers(0, 90), min_size=1, max_size=12))
def test_order_does_not_depend_on_how_it_is_fetched(windows: int, seed: int, batches: list[int]) -> None:
    whole = sequence_indices(seed, 0, sum(batches), windows)
    first, pieces = 0, []
    for batch in batches:
        pieces.append(sequence_indices(seed, first, batch, windows))
        first += batch
    assert np.array_equal(whole, np.concatenate(pieces))


def test_seeds_and_epochs_differ() -> None:
    orders = [sequence_indices(seed, epoch * 999, 999, 999) for seed in range(6) for epoch in range(6)]
    assert len({order.tobytes() for order in orders}) == 36
    agreement = [np.mean(a == b) for i, a in enumerate(orders) for b in orders[:i]]
    assert max(agreement) < 0.01  # two random permutations agree in one place of 999 on average


def test_order_looks_random() -> None:
    """Each place is taken equally often, and neighbours are unrelated."""
    windows, seeds = 50, 2_000
    orders = np.stack([sequence_indices(seed, 0, windows, windows) for seed in range(seeds)])
    counts = np.stack([np.bincount(orders[:, place], minlength=windows) for place in range(windows)])
    chi_square = ((counts - seeds / windows) ** 2 / (seeds / windows)).sum() / (windows - 1) ** 2
    assert 0.9 < chi_square < 1.1
    long = sequence_indices(7, 0, 100_000, 100_000).astype(float)
    assert abs(np.corrcoef(long[:-1], long[1:])[0, 1]) < 0.02


def test_order_is_fixed_for_ever() -> None:
    """The order is part of every run's result: a change here needs a new MATH_VERSION."""
    assert sequence_indices(0, 0, 10, 100).tolist() == [7, 31, 82, 93, 30, 12, 56, 67, 29, 47]
    assert sequence_indices(1, 10**12, 5, 190_000).tolist() == [65323, 27791, 95613, 22717, 50542]


def test_no_window_is_an_error() -> None:
    with pytest.raises(ShardError, match="0 whole windows: give more text or a shorter context"):
        sequence_indices(0, 0, 1, 0)


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
@pytest.mark.parametrize("offset", [0, 3])
def test_gather_takes_windows_of_context_plus_one(dtype: type, offset: int) -> None:
    tokens = np.arange(1_000, dtype=dtype)[offset:]
    windows = sequence_count(len(tokens), 16)
    indices = np.array([0, 5, windows - 1, 5])
    batch = gather(tokens, indices, 16)
    assert batch.dtype == np.int64
    expected = [[offset + i * 16 + t for t in range(17)] for i in indices]
    assert batch.tolist() == expected
    out = np.zeros((4, 17), dtype=np.int64)
    assert gather(tokens, indices, 16, out) is out
    assert out.tolist() == expected


def test_gather_beyond_the_last_window() -> None:
    tokens = np.arange(20, dtype=np.uint16)
    assert gather(tokens, np.array([2]), 5).shape == (1, 6)
    with pytest.raises(IndexError):
        gather(tokens, np.array([3]), 5)


def test_an_epoch_reads_each_token_once() -> None:
    tokens = np.arange(1_001, dtype=np.uint16)
    order = sequence_indices(5, 0, sequence_count(1_001, 10), 100)
    targets = gather(tokens, order, 10)[:, 1:]
    assert np.array_equal(np.sort(targets.ravel()), np.arange(1, 1_001))


@pytest.mark.parametrize(("windows", "radices"), [(1, (1, 1)), (2, (2, 1)), (9, (3, 3)), (10, (4, 3)), (12, (4, 3))])
def test_radices_are_nearly_equal_and_cover_the_windows(windows: int, radices: tuple[int, int]) -> None:
    assert _radices(windows) == radices
