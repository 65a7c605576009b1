"""Changes to a sweep that could give its grid a law: each as overrides, in the order in which to try them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from analysis.fitting.estimators import FEWEST_BUDGETS
from analysis.fitting.minima import FEWEST_SIZES
from sweeps.file.spec import SizesSpec, SweepSpec
from sweeps.plan.records import Cause

GOOD_PASSES: Final = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
"""Passes over the data worth nearly as much as fresh tokens (Muennighoff et al. 2023, 2305.16264)."""
MANY_PASSES: Final = (6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 40.0)
"""Passes that are worth ever less, offered last."""
STEPS: Final = 20
"""Tenths of a decade by which budgets are moved at the most."""
CHEAP_STEPS: Final = 6
"""Tenths of a decade by which larger budgets are tried before all else: four times the compute."""
USUAL_SIZES: Final = SizesSpec().count
"""Sizes of a curve where the sweep has too few."""
SHORTEST_CONTEXT: Final = 16
"""Tokens below which the context is not shortened."""
NARROWEST_SPAN, WIDEST_SPAN = 1.5, 12.0
"""Spans of the sizes between which a change stays."""


@dataclass(frozen=True)
class Change:
    """A sweep with some keys replaced."""

    spec: SweepSpec
    """The changed sweep."""
    overrides: tuple[str, ...] = ()
    """The replaced keys as `key=value` of the command line."""


def scaled(spec: SweepSpec, factor: float) -> tuple[float, ...]:
    """The sweep's budgets times a factor, in three digits."""
    return rounded(budget * factor for budget in spec.budgets)


def rounded(budgets: Iterator[float]) -> tuple[float, ...]:
    """Budgets in three digits."""
    return tuple(float(f"{budget:.3g}") for budget in budgets)


def enough_budgets_and_sizes(change: Change) -> Change:
    """The change with at least the budgets and the sizes that a law needs, whatever the data allow."""
    spec = change.spec
    if len(spec.budgets) < FEWEST_BUDGETS:
        low, high = spec.budgets[0], spec.budgets[-1]
        low = min(low, high / 4)
        step = (high / low) ** (1 / (FEWEST_BUDGETS - 1))
        change = _with_budgets(change, rounded(low * step**index for index in range(FEWEST_BUDGETS)))
    sizes = spec.sizes
    if sizes.params or sizes.shapes:
        if len(sizes.params or sizes.shapes) < FEWEST_SIZES:
            change = _with_sizes(change, SizesSpec(), f"sizes={{count: {USUAL_SIZES}}}")
    elif sizes.count < FEWEST_SIZES:
        change = _with_count(change, USUAL_SIZES)
    return change


def changes(start: Change, cause: Cause | None) -> Iterator[Change]:
    """Changes of a sweep, the most fitting for the cause of its dropped cells first.

    Args:
        start: the sweep as it is, or with what it needs in any case.
        cause: the rule that drops most cells of its incomplete curves; None where the curves are complete and the
            simulation gives no law all the same.
    """
    if cause is Cause.DATA:
        yield from _passes(start, GOOD_PASSES)
        yield from _moved(start, -1)
        yield from _narrower(start)
        yield from _moved(_with_passes(start, max(GOOD_PASSES[-1], start.spec.epochs_max)), -1)
        yield from _passes(start, MANY_PASSES)
    elif cause is Cause.FEW_STEPS:
        yield from _moved(start, 1, range(1, CHEAP_STEPS + 1))
        yield from _narrower(start)
        yield from _shorter_context(start)
        yield from _moved(start, 1, range(CHEAP_STEPS + 1, STEPS + 1))
    elif cause is Cause.OFF_BUDGET:
        yield from _shorter_context(start)
        yield from _moved(start, 1)
    elif cause is Cause.SAME_SHAPE:
        yield from _wider(start)
        yield from _moved(start, 1)
    elif cause is Cause.CONTRADICTION:
        yield Change(replace(start.spec, recipe_overrides={}), (*start.overrides, "recipe_overrides={}"))
    else:
        yield from _wider(start)
        yield from _more_sizes(start)
        yield from _more_budgets(start)


def _with_budgets(change: Change, budgets: tuple[float, ...]) -> Change:
    others = tuple(entry for entry in change.overrides if not entry.startswith("budgets="))
    listing = ", ".join(f"{budget:g}".replace("e+", "e") for budget in budgets)
    return Change(replace(change.spec, budgets=budgets), (*others, f"budgets=[{listing}]"))


def _with_count(change: Change, count: int) -> Change:
    return _with_sizes(change, replace(change.spec.sizes, count=count), f"sizes.count={count}")


def _with_span(change: Change, span: float) -> Change:
    return _with_sizes(change, replace(change.spec.sizes, span=span), f"sizes.span={span:g}")


def _with_sizes(change: Change, sizes: SizesSpec, override: str) -> Change:
    key = override.partition("=")[0]
    others = tuple(entry for entry in change.overrides if not entry.startswith(f"{key}="))
    return Change(replace(change.spec, sizes=sizes), (*others, override))


def _with_passes(change: Change, passes: float) -> Change:
    return Change(replace(change.spec, epochs_max=passes), (*change.overrides, f"epochs_max={passes:g}"))


def _passes(start: Change, wanted: tuple[float, ...]) -> Iterator[Change]:
    """More passes over the data, fewest first."""
    for passes in wanted:
        if passes > start.spec.epochs_max:
            yield _with_passes(start, passes)


def _moved(start: Change, direction: int, steps: range = range(1, STEPS + 1)) -> Iterator[Change]:
    """All budgets larger (1) or smaller (-1) by one factor, nearest first."""
    for step in steps:
        yield _with_budgets(start, scaled(start.spec, 10 ** (direction * step / 10)))


def _ladder_spans(start: Change) -> float | None:
    """The span of sizes on a ladder; None for explicit sizes."""
    sizes = start.spec.sizes
    return None if sizes.params or sizes.shapes else sizes.span


def _narrower(start: Change) -> Iterator[Change]:
    """Sizes closer to the centre, where cells are neither too long nor too short."""
    span = _ladder_spans(start)
    while span is not None and (span := float(f"{span / 1.15:.2g}")) >= NARROWEST_SPAN:
        yield _with_span(start, span)


def _wider(start: Change) -> Iterator[Change]:
    """Sizes further from the centre, so that curvature shows and the shapes differ."""
    span = _ladder_spans(start)
    while span is not None and (span := math.ceil(12.5 * span) / 10) <= WIDEST_SPAN:
        yield _with_span(start, span)


def _more_sizes(start: Change) -> Iterator[Change]:
    if _ladder_spans(start) is not None:
        for count in (start.spec.sizes.count + 2, start.spec.sizes.count + 4):
            yield _with_count(start, count)


def _more_budgets(start: Change) -> Iterator[Change]:
    """Further budgets above the largest, at the sweep's own spacing."""
    budgets = start.spec.budgets
    step = (budgets[-1] / budgets[0]) ** (1 / (len(budgets) - 1)) if len(budgets) > 1 else 3.0
    for more in (1, 2):
        further = rounded(budgets[-1] * step**index for index in range(1, more + 1))
        yield _with_budgets(start, (*budgets, *further))


def _shorter_context(start: Change) -> Iterator[Change]:
    """The context halved, again and again; not where it is an axis."""
    context = start.spec.context
    while "context" not in start.spec.vary and (context := context // 2) >= SHORTEST_CONTEXT:
        yield Change(replace(start.spec, context=context), (*start.overrides, f"context={context}"))
