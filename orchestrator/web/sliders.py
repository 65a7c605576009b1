"""The sliders of a sweep's page: between which budgets, models and tokens they ask, on logarithmic scales."""

from __future__ import annotations

import math
from dataclasses import dataclass

from analysis.law import Law
from analysis.records import LawError

BELOW, ABOVE = 3.0, 100.0
"""How far below the smallest and above the largest budget a slider reaches."""
ASIDE = 10.0
"""How far from the optimal sizes and tokens of these budgets."""


@dataclass(frozen=True, slots=True)
class Slider:
    """One slider, by powers of ten."""

    name: str
    """Name of the question's field."""
    label: str
    """What it sets."""
    low: float
    """Exponent at its left end."""
    high: float
    """Exponent at its right end."""
    start: float
    """Exponent at which it begins."""


@dataclass(frozen=True, slots=True)
class Sliders:
    """The sliders of a law."""

    budget: Slider
    """Of the budget, for the optimum."""
    model: tuple[Slider, Slider]
    """Of parameters and tokens, for the loss."""


def sliders(law: Law) -> Sliders | None:
    """The sliders of a law; None where it answers nothing."""
    try:
        budgets = law.limits.only([law.smallest_budget / BELOW, law.largest_budget, law.largest_budget * ABOVE])
        band = law.band(budgets)
        start = law.predict(law.largest_budget)
    except LawError:
        return None
    sizes, tokens = [p.params for p in band], [p.tokens for p in band]
    return Sliders(
        _slider("flops", "Budget C", min(budgets), max(budgets), start.flops),
        (
            _slider("params", "Parameters N", min(sizes) / ASIDE, max(sizes) * ASIDE, start.params),
            _slider("tokens", "Tokens D", min(tokens) / ASIDE, max(tokens) * ASIDE, start.tokens),
        ),
    )


def _slider(name: str, label: str, low: float, high: float, start: float) -> Slider:
    """A slider between two numbers."""
    return Slider(name, label, *(round(math.log10(value), 2) for value in (low, high, start)))
