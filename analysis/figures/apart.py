"""Marks that would overlap, moved apart along an axis: as little as possible, and in their order."""

from __future__ import annotations

from collections.abc import Sequence


def moved_apart(places: Sequence[float], least: float) -> list[float]:
    """Ascending places moved so that neighbours lie at least `least` apart, with the least squared moves."""
    blocks: list[tuple[float, int]] = []  # mean and count of places that touch, as if all gaps were nothing
    for index, place in enumerate(places):
        mean, count = place - index * least, 1
        while blocks and blocks[-1][0] > mean:
            before, more = blocks.pop()
            mean, count = (mean * count + before * more) / (count + more), count + more
        blocks.append((mean, count))
    starts = [mean for mean, count in blocks for _ in range(count)]
    return [start + index * least for index, start in enumerate(starts)]
