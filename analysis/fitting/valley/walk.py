"""A quantity whose slope walks at random in ln C, by an integrated Wiener process held at a few knots."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = tuple[NDArray[np.int64], Floats]
"""Which piece of the process each ln C lies on, and where on it."""

MOST_KNOTS = 16
"""Knots within the fitted budgets; where there are more budgets, the process is interpolated between them."""
BEYOND = (0.5, 1.0, 2.0, 3.5, 5.5, 8.5, 12.0)
"""Distances in ln C of the knots on either side of the budgets."""
_JITTER = 1e-10
_POWERS = np.arange(4)


def covariance(left: Floats, right: Floats) -> Floats:
    """Covariance (A, B) of the process at ln C (A,) and (B,), for unit variance of the slope's step a unit of ln C.

    It starts with value and slope zero at the origin and runs to both sides of it: a² b/2 − a³/6 on one side, for
    distances a < b (Wahba 1978, section 2), and zero between the sides.
    """
    near = np.minimum(np.abs(left)[:, None], np.abs(right)[None])
    far = np.maximum(np.abs(left)[:, None], np.abs(right)[None])
    same = np.sign(left)[:, None] * np.sign(right)[None] > 0
    return np.asarray(np.where(same, near**2 * far / 2 - near**3 / 6, 0.0))


@dataclass(frozen=True, eq=False)
class Walk:
    """The process as M independent standard normal steps; all ln C are centred at its origin."""

    knots: Floats
    """ln C of the knots, those within the budgets first, shape (M,)."""
    factor: Floats
    """Lower triangle (M, M): values at the knots are `factor` times the steps."""
    inside: int
    """How many steps the runs inform: those of the knots within the budgets."""

    @classmethod
    def through(cls, log_budgets: Floats) -> Walk:
        """The process through budgets (K,), and on to both sides of them."""
        budgets = np.unique(log_budgets)
        if len(budgets) > MOST_KNOTS:
            budgets = budgets[np.linspace(0, len(budgets) - 1, MOST_KNOTS).round().astype(int)]
        reach = np.asarray(BEYOND)
        knots = np.concatenate([budgets, budgets[-1] + reach, budgets[0] - reach])
        whole = covariance(knots, knots)
        whole[np.diag_indices(len(knots))] += _JITTER * float(whole.max())
        return cls(knots, np.asarray(np.linalg.cholesky(whole), dtype=np.float64), len(budgets))

    def rows(self, c: Floats) -> Floats:
        """From the steps to the values at ln C (T,): (T, M). Between knots the process takes its expected course."""
        piece, at = self.place(c)
        return np.asarray(np.einsum("tk,tkm->tm", at[:, None] ** _POWERS, self._pieces[piece]))

    def values(self, steps: Floats, c: Floats) -> Floats:
        """Values (B, T) for steps (B, M) at ln C (T,), or (B, T) where each has its own."""
        return self.values_at(steps, self.place(np.broadcast_to(c, (len(steps), c.shape[-1]))))

    def values_at(self, steps: Floats, places: Places) -> Floats:
        """Values (B, T) for steps (B, M) at places (B, T) of ln C, as `place` gives them."""
        piece, at = places
        if piece.shape[-1] < len(self._pieces):
            powers = np.moveaxis(np.einsum("btkm,bm->btk", self._pieces[piece], steps), -1, 0)
        else:
            every = np.einsum("ikm,bm->bik", self._pieces, steps)
            own = piece + np.arange(len(steps))[:, None] * len(self._pieces)
            powers = np.moveaxis(every, -1, 0).reshape(len(_POWERS), -1).take(own, axis=1)
        first, second, third, fourth = powers
        return np.asarray(first + at * (second + at * (third + at * fourth)))

    def place(self, c: Floats) -> Places:
        """Which piece each ln C lies on, and where on it."""
        breaks = self._breaks
        piece = np.searchsorted(breaks[1:-1], c, side="right")
        return piece, (c - breaks[piece]) / (breaks[piece + 1] - breaks[piece])

    @cached_property
    def _breaks(self) -> Floats:
        """Ends (I + 1,) of the pieces: the knots, the origin, and one beyond each of the outermost."""
        within = np.unique(np.append(self.knots, 0.0))
        return np.concatenate([[within[0] - 1], within, [within[-1] + 1]])

    @cached_property
    def _pieces(self) -> Floats:
        """Cubics (I, 4, M), lowest power first, of the expected values for a unit of each step."""
        breaks = self._breaks
        at = np.linspace(0, 1, len(_POWERS))
        c = breaks[:-1, None] + np.diff(breaks)[:, None] * at
        values = np.linalg.solve(self.factor, covariance(self.knots, c.ravel())).T.reshape(*c.shape, -1)
        return np.asarray(np.linalg.solve(at[:, None] ** _POWERS, values))
