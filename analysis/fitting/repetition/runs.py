"""All runs of a table by what they count as: N' parameters and D' fresh tokens, for what repetition may be worth."""

# n runs; G worths at once.

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.cost import TokenCost
from analysis.fitting.forms import Design
from analysis.fitting.repetition.published import Worth, diminished
from analysis.fitting.valley.posterior import Valley, draw
from analysis.table.repeats import repeats
from analysis.table.table import RunTable

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

_REACH, _STEPS = 25.0, 2001
"""Distance in ln C from the origin to which a path is followed, and its points."""
_DRAWS = 100
"""Draws of the path that tell how well it is known."""


@dataclass(frozen=True, eq=False)
class Runs:
    """All runs of a table, those set aside behind its own; arrays of shape (n,)."""

    log_params: Floats
    """ln N."""
    log_tokens: Floats
    """ln D."""
    log_unique: Floats
    """ln U."""
    loss: Floats
    """Final loss."""
    cell: Labels
    """Index of budget and size."""

    @classmethod
    def of(cls, table: RunTable) -> Runs:
        """The runs of a table some of which repeat tokens."""
        assert table.unique is not None
        parts = [(table.params, table.tokens, table.unique, table.loss, table.budget, table.size)]
        if table.aside is not None:
            aside = table.aside
            parts.append((aside.params, aside.tokens, aside.unique, aside.loss, aside.budget, aside.size))
        params, tokens, unique, loss, budget, size = (np.concatenate(column) for column in zip(*parts, strict=True))
        cell = np.unique(np.stack([budget, size]), axis=1, return_inverse=True)[1].ravel()
        unique = np.where(repeats(tokens, unique), unique, tokens)
        return cls(np.log(params), np.log(tokens), np.log(unique), loss, cell)

    def select(self, rows: NDArray[np.bool_]) -> Runs:
        """The runs of a mask (n,)."""
        return Runs(
            self.log_params[rows], self.log_tokens[rows], self.log_unique[rows], self.loss[rows], self.cell[rows]
        )

    @property
    def passes(self) -> Floats:
        """D/U, shape (n,)."""
        return np.exp(self.log_tokens - self.log_unique)


@dataclass(frozen=True, eq=False)
class Filled:
    """ln of the sizes that a run's tokens fill, for which these tokens are compute-optimal; arrays of shape (n,)."""

    unique: Floats
    """By the different tokens U."""
    tokens: Floats
    """By all D, if they were fresh."""

    @classmethod
    def of(cls, runs: Runs, path: Path) -> Filled:
        """By a path, which may be one of many."""
        return cls(path.at(runs.log_unique), path.at(runs.log_tokens))


@dataclass(frozen=True, eq=False)
class Path:
    """ln of the size that ln D tokens fill, by a valley's path; straight deviations from it are allowed."""

    log_tokens: Floats
    """ln D, ascending, shape (T,)."""
    log_params: Floats
    """ln N there, shape (T,)."""
    centre: float
    """ln D about which deviations turn."""
    root: Floats
    """From two standard normal numbers to level and slope of the deviation, as what the runs leave open: (2, 2)."""

    @classmethod
    def of(cls, runs: Runs, valley: Valley, cost: TokenCost) -> Path:
        """The path of the valley's mean, and how far its draws deviate from it at the runs' different tokens."""
        origin = valley.origin

        def path(theta: Floats) -> tuple[Floats, Floats]:
            c = np.linspace(-_REACH, _REACH, _STEPS)
            log_n = valley.form.path(theta[None], c)[0] + origin.n
            return np.maximum.accumulate(c + origin.c - log_n - cost.log_k(log_n)), log_n

        log_d, log_n = path(valley.mean)
        places = np.unique(runs.log_unique)
        centre = float(places.mean())
        drawn = draw(valley, _DRAWS, np.random.default_rng(0))
        off = np.stack([np.interp(places, *path(theta)) for theta in drawn]) - np.interp(places, log_d, log_n)
        lines = np.linalg.lstsq(np.stack([np.ones_like(places), places - centre], axis=1), off.T, rcond=None)[0]
        values, vectors = np.linalg.eigh(lines @ lines.T / _DRAWS)
        return cls(log_d, log_n, centre, vectors * np.sqrt(np.maximum(values, 0)))

    def at(self, log_tokens: Floats, deviation: Floats | None = None) -> Floats:
        """At ln D (n,); with deviations (G, 2), in standard normal numbers, (G, n)."""
        middle = np.interp(log_tokens, self.log_tokens, self.log_params)
        if deviation is None:
            return np.asarray(middle)
        level, slope = (deviation @ self.root.T).T[:, :, None]
        return np.asarray(middle + level + slope * (log_tokens - self.centre))


def counted(runs: Runs, filled: Filled, worth: Worth) -> tuple[Floats, Floats]:
    """ln N' and ln D', (G, n) each, for worths (G, 1).

    Of a model larger than its D could fill if they were fresh, only what repetition adds to that excess is discounted:
    what a run on fresh tokens loses by its size is in the law already.
    """
    params, already = (diminished(runs.log_params, at, worth.params)[0] for at in (filled.unique, filled.tokens))
    return runs.log_params + params - already, diminished(runs.log_tokens, runs.log_unique, worth.tokens)[0]


def design_of(log_params: Floats, log_tokens: Floats, valley: Valley, cost: TokenCost) -> Design:
    """Models of ln N and ln D (G, n) in a valley's centred logarithms."""
    origin, log_c = valley.origin, log_params + cost.log_k(log_params) + log_tokens
    return Design(log_params - origin.n, log_tokens - origin.d, log_c - origin.c)
