"""The order of a mix: shares in every block, each domain in a permutation of its own, whatever is asked at once."""

from __future__ import annotations

import numpy as np
import pytest

from tokenizer.mixing import BLOCK, Domain, domains_of, mixed_indices

DOMAINS = (Domain("a", 0.125, 0, 200), Domain("b", 0.25, 201, 999), Domain("c", 0.625, 1200, 5000))


def owners(indices: np.ndarray) -> np.ndarray:
    """Which domain each window belongs to."""
    return np.searchsorted([domain.first for domain in DOMAINS], indices, side="right") - 1


def test_each_domain_has_its_share_of_every_block() -> None:
    found = mixed_indices(7, 0, 3 * BLOCK, DOMAINS)
    for begin in range(0, 3 * BLOCK, BLOCK):
        counts = np.bincount(owners(found[begin : begin + BLOCK]), minlength=3)
        assert counts.tolist() == [BLOCK // 8, BLOCK // 4, 5 * BLOCK // 8]
    first = np.bincount(owners(found[:200]), minlength=3) / 200
    assert first == pytest.approx([0.125, 0.25, 0.625], abs=0.011), "spread evenly over the block"


def test_a_domain_is_read_to_its_end_before_it_begins_again() -> None:
    found = mixed_indices(7, 0, 4 * BLOCK, DOMAINS)
    for place, domain in enumerate(DOMAINS):
        read = found[owners(found) == place] - domain.first
        assert read.min() >= 0 and read.max() < domain.windows
        passes = [read[begin : begin + domain.windows] for begin in range(0, len(read), domain.windows)]
        assert all(len(np.unique(each)) == len(each) for each in passes)
    assert len(passes) == 1 < -(-len(found) // 8 // 200), "the first domain was read more than once"


def test_the_order_depends_on_seed_and_place_alone() -> None:
    whole = mixed_indices(3, 0, 2 * BLOCK + 50, DOMAINS)
    pieces = [mixed_indices(3, begin, 77, DOMAINS) for begin in range(0, 2 * BLOCK, 77)]
    assert np.array_equal(np.concatenate(pieces)[: len(whole)], whole[: 77 * len(pieces)])
    assert not np.array_equal(mixed_indices(4, 0, 100, DOMAINS), whole[:100])


def test_each_block_is_drawn_anew() -> None:
    """Shares are the same in each block, and places are not."""
    found = owners(mixed_indices(3, 0, 2 * BLOCK, DOMAINS))
    assert (np.sort(found[:BLOCK]) == np.sort(found[BLOCK:])).all()
    assert 0.3 < (found[:BLOCK] == found[BLOCK:]).mean() < 0.9


def test_small_weights_are_carried_from_block_to_block() -> None:
    uneven = (Domain("a", 0.0004, 0, 50), Domain("b", 0.9996, 50, 10**6))
    found = mixed_indices(1, 0, 10 * BLOCK, uneven)
    assert int((found < 50).sum()) == int(0.0004 * 10 * BLOCK) == 4


def test_windows_lie_wholly_in_their_domain() -> None:
    facts = {"b": {"tokens": 30, "weight": 0.5}, "a": {"tokens": 25, "weight": 0.5}}
    a, b = domains_of(facts, 8)
    assert (a.name, a.first, a.windows) == ("a", 0, 3)  # 0 to 24 inclusive
    assert (b.name, b.first, b.windows) == ("b", 4, 2)  # from 32, at most 54
    assert all(8 * (b.first + k) >= 25 and 8 * (b.first + k) + 9 <= 55 for k in range(b.windows))
    assert domains_of({"a": {"tokens": 8, "weight": 1.0}}, 8)[0].windows == 0
    assert domains_of({}, 8) == ()
