"""Numbers the distinct n-grams of windows, order by order, so that every count is a sum over dense numbers."""

# R = windows, T = tokens of a context, m = order. The m-gram that ends at token j of a window is in column j - m + 1.

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int32]
"""Numbers of n-grams, dense from 0."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """The distinct m-grams of some windows, numbered as they first appear: those of the first windows come first.

    An n-gram reaches across no window.
    """

    numbers: Numbers
    """The m-gram that ends at each token with enough before it in its window, [R, T + 2 - m]."""
    contexts: Numbers
    """Number of each m-gram without its last token, among the (m - 1)-grams."""
    suffixes: Numbers
    """Number of each m-gram without its first token, among the (m - 1)-grams."""

    def known(self, windows: int) -> int:
        """How many m-grams the first windows have."""
        return int(self.numbers[:windows].max()) + 1


def empty_grams(windows: int, width: int) -> Numbered:
    """The one 0-gram, which stands before and behind each of `width` tokens of each window."""
    one = np.zeros(1, np.int32)
    return Numbered(np.broadcast_to(one, (windows, width + 1)), one, one)


def longer(shorter: Numbered, tokens_RT: npt.NDArray[np.integer], vocab: int) -> Numbered:
    """The m-grams of windows by their (m - 1)-grams. Takes some 40 bytes a token meanwhile.

    Args:
        shorter: the (m - 1)-grams.
        tokens_RT: ids of the windows, [R, T + 1].
        vocab: number above all ids.
    """
    before, behind = shorter.numbers[:, :-1], shorter.numbers[:, 1:]
    keys = (before.astype(np.int64) * vocab + tokens_RT[:, -before.shape[1] :]).ravel()
    order = keys.argsort()
    keys = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    del keys
    first = np.minimum.reduceat(order, starts)
    by_appearance = first.argsort()
    ranks = np.empty(len(starts), np.int32)
    ranks[by_appearance] = np.arange(len(starts), dtype=np.int32)
    numbers = np.empty(before.size, np.int32)
    numbers[order] = np.repeat(ranks, np.diff(starts, append=before.size))
    row, column = np.divmod(first[by_appearance], before.shape[1])
    return Numbered(numbers.reshape(before.shape), before[row, column], behind[row, column])
