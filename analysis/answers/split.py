"""How a surface splits a budget between parameters and tokens, freely or with a limit of unique tokens.

At the best size a little more of the budget for parameters gains as much as a little more for tokens. The logarithm of
the ratio of the two gains is followed instead of the loss: it keeps its sign where repetition has made the loss flat.
Shape legend: B draws, G candidate sizes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.forms import Design
from analysis.fitting.repetition.published import Worth, diminished
from analysis.fitting.valley.form import ValleyForm
from analysis.law import Law

Floats = NDArray[np.float64]

STEP = 1e-4
"""Of ln N and ln D, for the surface's derivatives."""
REACH = 60.0
"""How far from the first guess, in ln N, the best size is looked for."""
PATH_REACH = 60.0
"""How far from the middle of the runs, in ln C, the path is followed."""
SPACING = 0.5
"""Between the sizes of the first look; halved until the size is known to better than a millionth."""
HALVINGS = 22
"""That make it so."""
NO_GAIN = 1e-300
"""Stands for a gain that is none, as the logarithm needs one."""


@dataclass(frozen=True)
class Split:
    """The best split of a budget for B draws; not a number where a surface has none."""

    log_params: Floats
    """ln N, shape (B, 1)."""
    loss: Floats
    """Loss, shape (B, 1)."""


@dataclass(frozen=True)
class Limit:
    """A limit of unique tokens for B draws."""

    log_tokens: float
    """ln of the unique tokens U."""
    log_params: Floats
    """ln of the size that they fill, for which U is compute-optimal, shape (B, 1)."""
    worth: Worth
    """Of what exceeds them."""
    held: Callable[[Floats], Floats] = np.asarray
    """From ln of the sizes (B, 1) that are best by the worth to ln of those that may be chosen."""


@dataclass(frozen=True)
class Surfaces:
    """B draws of one of a law's surfaces."""

    law: Law
    """The law."""
    form: ValleyForm
    """The surface's form."""
    theta: Floats
    """Its parameters, shape (B, P)."""

    def loss(self, log_n: Floats, log_d: Floats) -> Floats:
        """Losses of models (B, G)."""
        origin, log_c = self.law.origin, log_n + self.law.cost.log_k(log_n) + log_d
        return self.form.value(self.theta, Design(log_n - origin.n, log_d - origin.d, log_c - origin.c))

    def free(self, log_c: float) -> Split:
        """The compute-optimal size at ln C."""
        c = np.array([log_c - self.law.origin.c])
        return Split(self.form.path(self.theta, c) + self.law.origin.n, self.form.floor(self.theta, c))

    def filled(self, log_tokens: float) -> Floats:
        """ln of the size (B, 1) for which so many tokens are compute-optimal; not a number where there is none.

        Followed along the path from the middle of the runs outwards: where it bends so far that larger budgets have
        fewer tokens, the nearest such size counts. So more tokens never fill a smaller model. The valley's slope would
        show other sizes far from the runs, where its sides are no more than rounding.
        """
        sides = np.arange(0, PATH_REACH, SPACING)

        def short(c: Floats) -> Floats:
            size = self.form.path(self.theta, c) + self.law.origin.n
            return np.asarray(log_tokens - self.tokens(c + self.law.origin.c, size))

        rising = short(np.zeros(1)) > 0
        away = np.where(rising, 1.0, -1.0)
        passed = np.asarray(np.where(rising, short(sides) <= 0, short(-sides) >= 0))
        at = np.argmax(passed, axis=1)[:, None]
        near, far = sides[np.maximum(at - 1, 0)], sides[at]
        for _ in range(HALVINGS):
            middle = (near + far) / 2
            before = short(away * middle) * away > 0
            near, far = np.where(before, middle, near), np.where(before, far, middle)
        c = away * (near + far) / 2
        size = self.form.path(self.theta, c) + self.law.origin.n
        return np.where(np.any(passed, axis=1, keepdims=True), size, np.nan)

    def limited(self, log_c: float, limit: Limit, guess: float) -> Split:
        """The best size at ln C with a limit of unique tokens."""

        def worth(size: Floats) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
            params = diminished(size, limit.log_params, limit.worth.params)
            return params, diminished(self.tokens(log_c, size), np.array(limit.log_tokens), limit.worth.tokens)

        def lean(size: Floats) -> Floats:
            (params, params_rise), (tokens, tokens_rise) = worth(size)
            slope = self.law.cost.slope(params) / self.law.cost.slope(size)
            return self._lean(params, tokens) + params_rise - tokens_rise + np.log(slope)

        def loss(size: Floats) -> Floats:
            (params, _), (tokens, _) = worth(size)
            return self.loss(params, tokens)

        log_n = limit.held(self._best(lean, guess, loss))
        return Split(log_n, loss(log_n))

    def tokens(self, log_c: float | Floats, log_n: Floats) -> Floats:
        """ln of the tokens C / F(N)."""
        return np.asarray(log_c - log_n - self.law.cost.log_k(log_n))

    def _lean(self, log_n: Floats, log_d: Floats) -> Floats:
        """ln of what FLOPs gain as parameters over what they gain as tokens, at models (B, G).

        Infinite where more of one costs loss while more of the other gains: far from its path a valley may say so.
        """
        of_params = self.loss(log_n - STEP, log_d) - self.loss(log_n + STEP, log_d)
        of_tokens = self.loss(log_n, log_d - STEP) - self.loss(log_n, log_d + STEP)
        gains = np.log(np.maximum(of_params, NO_GAIN)) - np.log(np.maximum(of_tokens, NO_GAIN))
        gains = np.where((of_tokens < 0) & (of_params > 0), np.inf, gains)
        gains = np.where((of_params < 0) & (of_tokens > 0), -np.inf, gains)
        known = (of_params > 0) | (of_tokens > 0)
        return np.where(known, gains - np.log(self.law.cost.slope(log_n)), np.nan)

    def _best(self, lean: Callable[[Floats], Floats], guess: float, loss: Callable[[Floats], Floats]) -> Floats:
        """Where `lean` (B, G) at ln N (B, G) falls through zero, (B, 1): of several, where the `loss` is lowest."""
        grid = np.repeat(guess + np.arange(-REACH, REACH + SPACING, SPACING)[None], len(self.theta), axis=0)
        leans = lean(grid)
        falls = (leans[:, :-1] > 0) & (leans[:, 1:] <= 0)
        most = max(int(falls.sum(axis=1).max()), 1)
        at = np.argsort(~falls, axis=1, kind="stable")[:, :most]
        low, high = (np.take_along_axis(ends, at, 1) for ends in (grid[:, :-1], grid[:, 1:]))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            more = lean(middle) > 0
            low, high = np.where(more, middle, low), np.where(more, high, middle)
        found = (low + high) / 2
        reached = np.where(np.take_along_axis(falls, at, 1), loss(found), np.nan)
        best = np.argmin(np.where(np.isfinite(reached), reached, np.inf), axis=1)[:, None]
        known = np.isfinite(np.take_along_axis(reached, best, 1))
        return np.where(known, np.take_along_axis(found, best, 1), np.nan)
