"""Interpolated modified Kneser-Ney in plain Python: dictionaries and loops, written from the paper alone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

Gram = tuple[int, ...]
Window = Sequence[int]
FALLBACK = [0.0, 0.5, 1.0, 1.5]


def occurrences(windows: Iterable[Window], order: int) -> dict[Gram, int]:
    """How often each n-gram ends at a target of a window."""
    counts: dict[Gram, int] = defaultdict(int)
    for window in windows:
        for end in range(1, len(window)):
            if end + 1 >= order:
                counts[tuple(window[end + 1 - order : end + 1])] += 1
    return counts


def preceding(windows: Iterable[Window], order: int) -> dict[Gram, int]:
    """How many different tokens precede each n-gram, the edge of a window being one."""
    before: dict[Gram, set[int]] = defaultdict(set)
    for window in windows:
        for end in range(1, len(window)):
            start = end + 1 - order
            if start >= 0:
                before[tuple(window[start : end + 1])].add(window[start - 1] if start else -1)
    return {gram: len(tokens) for gram, tokens in before.items()}


def three_discounts(counts: dict[Gram, int]) -> list[float]:
    """Of counts 0, 1, 2, and 3 and more."""
    n = [sum(count == r for count in counts.values()) for r in range(5)]
    if not all(n[1:]):
        return FALLBACK
    y = n[1] / (n[1] + 2 * n[2])
    found = [0.0, 1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3]]
    return found if all(0 <= found[r] <= r for r in range(4)) else FALLBACK


class Model:
    """A model whose highest order is `order`, trained on windows."""

    def __init__(self, windows: Sequence[Window], order: int, vocab: int) -> None:
        self.vocab = vocab
        self.raw = {m: occurrences(windows, m) for m in range(1, order + 1)}
        self.lower = {m: preceding(windows, m) for m in range(1, order)}

    def probability(self, history: Gram, token: int, order: int, *, highest: bool = True) -> float:
        """Of a token behind its history, at one order."""
        if order == 0:
            return 1 / self.vocab
        counts = self.raw[order] if highest else self.lower[order]
        context = history[len(history) - order + 1 :]
        backed = self.probability(history, token, order - 1, highest=False)
        total = sum(count for gram, count in counts.items() if gram[:-1] == context)
        if not total:
            return backed
        taken = three_discounts(counts)
        reserved = sum(taken[min(count, 3)] for gram, count in counts.items() if gram[:-1] == context)
        count = counts.get((*context, token), 0)
        return (count - taken[min(count, 3)] + reserved * backed) / total

    def loss(self, windows: Iterable[Window], order: int, scored: int) -> float:
        """Nats per token of the first `scored` targets."""
        nats = [
            -math.log(self.probability(tuple(window[:end]), window[end], min(order, end + 1)))
            for window in windows
            for end in range(1, len(window))
        ]
        return sum(nats[:scored]) / scored
