"""The order in which a run reads a mix of domains: at each place one of a domain's windows. Imports numpy alone."""

# A window has context + 1 tokens; windows are numbered over the whole training text at stride context.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tokenizer.windows import Indices, keyed_words, sequence_indices

BLOCK: Final = 1024
"""Places in which the domains have their shares up to a window each."""


@dataclass(frozen=True)
class Domain:
    """The windows of one domain."""

    name: str
    """Of the domain."""
    weight: float
    """Share of the windows that are read from it; those of all domains sum to 1."""
    first: int
    """The first of its windows."""
    windows: int
    """How many they are."""


def domains_of(facts: Mapping[str, Any], context: int) -> tuple[Domain, ...]:
    """The domains of a dataset's manifest, by their windows: those that lie wholly in one."""
    found: list[Domain] = []
    begin = 0
    for name in sorted(facts):
        end = begin + facts[name]["tokens"]
        first = -(-begin // context)
        found.append(Domain(name, facts[name]["weight"], first, max(0, (end - 1) // context - first)))
        begin = end
    return tuple(found)


def mixed_indices(seed: int, first: int, count: int, domains: Sequence[Domain]) -> Indices:
    """Windows at places first … first + count - 1 of the order in which a run reads a mix, shape [count].

    In each block of BLOCK places every domain has its share, rounded down and carried on; the most frequent one has
    the rest. A domain's places are spread evenly and drawn by seed and block, and each domain is read in a permutation
    of its own, so that the order depends on nothing but seed and place.
    """
    parts = [_block(seed, number, domains) for number in range(first // BLOCK, (first + count - 1) // BLOCK + 1)]
    begin = first % BLOCK
    return np.concatenate(parts)[begin : begin + count]


def _block(seed: int, number: int, domains: Sequence[Domain]) -> Indices:
    """The windows of a block, shape [BLOCK]."""
    before, after = (np.array(_read_by(number + step, domains)) for step in (0, 1))
    counts = after - before
    owners = np.repeat(np.arange(len(domains)), counts)
    ranks = np.concatenate([np.arange(count) for count in counts])
    # The k-th of n windows of a domain lies somewhere in the k-th of n equal parts of the block.
    places = (ranks + keyed_words(seed, number * BLOCK, BLOCK) / 2.0**64) / counts[owners]
    owners = owners[np.argsort(places, kind="stable")]
    found = np.empty(BLOCK, np.int64)
    for place, domain in enumerate(domains):
        mine = owners == place
        if mine.any():
            order = sequence_indices(seed, int(before[place]), int(mine.sum()), domain.windows)
            found[mine] = domain.first + order
    return found


def _read_by(block: int, domains: Sequence[Domain]) -> list[int]:
    """Windows of each domain that are read before a block."""
    read = [int(domain.weight * block * BLOCK) for domain in domains]
    largest = max(range(len(domains)), key=lambda place: domains[place].weight)
    read[largest] += block * BLOCK - sum(read)
    return read
