"""What a law's optimum becomes when N and C are counted in other ways, and the exponent that each way would report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.records import QuestionError

Floats = NDArray[np.float64]
Loss = Callable[[Floats, Floats], Floats]
"""Loss of models of N parameters, as the law counts them, on D tokens."""

_GRID = 4001
"""Sizes between the ladder's ends at which the loss is compared."""
_WINDOW = 10.0
"""Budgets this factor below and above give the local exponent."""


@dataclass(frozen=True)
class Counted:
    """A ladder of shapes, ascending in size, under one convention."""

    convention: str
    """Its name."""
    params: Floats
    """N of each shape (n,)."""
    flops_per_token: Floats
    """Training FLOPs a token of each shape (n,)."""


@dataclass(frozen=True)
class ConventionOptimum:
    """The optimum at one budget, counted by one convention."""

    convention: str
    """Its name."""
    flops: float
    """Budget C in the convention's own FLOPs."""
    params: float
    """N* as the convention counts it; NaN where it lies at an end of the ladder."""
    tokens: float
    """D* = C / F(N*)."""
    exponent: float
    """d ln N* / d ln C over a decade on either side: what a study at these budgets would report."""


def optima(
    loss: Loss, law_params: Sequence[float], ladders: Sequence[Counted], budgets: Sequence[float]
) -> list[ConventionOptimum]:
    """The optimum of each budget under each convention: the shape whose loss at D = C / F is lowest.

    One law, one ladder: only what is called N and C differs, and with it the exponent (Pearce and Song 2024,
    2406.12907; Porian et al. 2024, 2406.19146).

    Args:
        loss: the law.
        law_params: N of each shape as the law counts it (n,), ascending.
        ladders: the shapes under each convention.
        budgets: training FLOPs.

    Raises:
        QuestionError: for budgets that are not positive numbers.
    """
    if not all(np.isfinite(budget) and budget > 0 for budget in budgets):
        raise QuestionError("budgets must be positive numbers of FLOPs")
    found, sizes = [], np.asarray(law_params, float)
    for one in ladders:
        for budget in budgets:
            low, here, high = (_optimum(loss, sizes, one, budget * factor) for factor in _FACTORS)
            exponent = np.log(high[0] / low[0]) / np.log(_FACTORS[-1] / _FACTORS[0])
            found.append(ConventionOptimum(one.convention, budget, *here, float(exponent)))
    return found


_FACTORS = (1 / _WINDOW, 1.0, _WINDOW)


def _optimum(loss: Loss, law_params: Floats, ladder: Counted, budget: float) -> tuple[float, float]:
    """N* and D* of a budget in the convention's count; NaN where the loss falls to the end of the ladder."""
    fine = np.linspace(np.log(law_params[0]), np.log(law_params[-1]), _GRID)
    flops = np.exp(np.interp(fine, np.log(law_params), np.log(ladder.flops_per_token)))
    params = np.exp(np.interp(fine, np.log(law_params), np.log(ladder.params)))
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        best = int(np.argmin(loss(np.exp(fine), budget / flops)))
    if best in (0, _GRID - 1):
        return float("nan"), float("nan")
    return float(params[best]), float(budget / flops[best])


def counted(sizes: Sequence[Mapping[str, float]], costs: Sequence[Mapping[str, float]]) -> tuple[Counted, ...]:
    """A ladder under each convention, from N and FLOPs a token of each shape by convention."""
    return tuple(
        Counted(name, np.array([size[name] for size in sizes], float), np.array([cost[name] for cost in costs], float))
        for name in sizes[0]
    )
