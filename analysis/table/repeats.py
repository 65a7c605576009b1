"""Runs that see their tokens more than once: which they are, and those that a fresher run of their cell sets aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.records import LawError
from analysis.table.units import rows_text

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]

UNIQUE: Final = "unique_tokens"
"""Column of the different training tokens of each run."""
FRESH: Final = 1.05
"""Up to so many passes a run counts as one of fresh tokens: it has seen nearly every token once."""


@dataclass(frozen=True, eq=False)
class SetAside:
    """Runs that repeat tokens and whose cell has a run that repeats fewer; all arrays have the shape (runs,)."""

    flops: Floats
    """Training FLOPs, C."""
    params: Floats
    """Parameters, N."""
    tokens: Floats
    """Training tokens, D."""
    unique: Floats
    """Different training tokens, U."""
    loss: Floats
    """Final loss."""
    budget: Labels
    """Index of the budget, as in the table."""
    size: Labels
    """Index of the model size, as in the table."""

    @property
    def content(self) -> bytes:
        """The runs in an order of their own, for a content hash."""
        numbers = np.column_stack([self.flops, self.params, self.tokens, self.unique, self.loss])
        return numbers[np.lexsort(numbers.T)].tobytes()


def unique_tokens(frame: pd.DataFrame, tokens: Floats) -> Floats | None:
    """Different tokens (n,) of each run, all of its D where no number is given; None where no run repeats any.

    Raises LawError for numbers that are not positive.
    """
    if UNIQUE not in frame:
        return None
    numbers = pd.to_numeric(frame[UNIQUE], errors="coerce").to_numpy(dtype=float)
    wrong = np.isfinite(numbers) & (numbers <= 0)
    if wrong.any():
        raise LawError(f"column {UNIQUE}: {rows_text(wrong, frame.index.to_numpy())} must be positive")
    unique = np.where(np.isfinite(numbers), np.minimum(numbers, tokens), tokens)
    return unique if repeats(tokens, unique).any() else None


def repeats(tokens: Floats, unique: Floats) -> Mask:
    """Which runs (n,) see tokens more than once."""
    return np.asarray(tokens > FRESH * unique)


def outdone(budget: Labels, size: Labels, values: Mapping[str, Floats], unique: Floats) -> Mask:
    """Which runs (n,) repeat tokens while another of their budget and size repeats clearly fewer."""
    passes = values["tokens"] / unique
    cell = np.unique(np.stack([budget, size]), axis=1, return_inverse=True)[1].ravel()
    fewest = np.full(int(cell.max()) + 1, np.inf)
    np.minimum.at(fewest, cell, passes)
    return np.asarray(repeats(values["tokens"], unique) & (passes > FRESH * fewest[cell]))


def set_aside(rows: Mask, budget: Labels, size: Labels, values: Mapping[str, Floats], unique: Floats) -> SetAside:
    """The runs of a mask (n,)."""
    numbers = {key: values[key][rows] for key in ("flops", "params", "tokens", "loss")}
    return SetAside(**numbers, unique=unique[rows], budget=budget[rows], size=size[rows])
