"""What further runs would buy: how much closer an answer beyond the largest budget would be known, by simulation."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from analysis.answers.simulated import SimulatedWorld
from analysis.law import Law, fit
from analysis.records import Curve, LawError
from analysis.table.further import joined
from analysis.table.table import RunTable

Floats = NDArray[np.float64]

MULTIPLES = (3.0, 10.0)
"""Budgets that are asked about, over the largest fitted one."""
NEXT = 3.0
"""A further budget over the largest."""
DRAWS = 5
"""Simulated outcomes of each choice of runs, of which the median counts."""


@dataclass(frozen=True, slots=True)
class Width:
    """How closely an answer is known: the half-widths of its 95 % intervals."""

    flops: float
    """The budget that is asked about, training FLOPs."""
    multiple: float
    """It over the largest budget of the table as it is."""
    params_factor: float | None
    """Half-width of N*'s interval as a factor, 1.3 for ×1.3 to each side; None where there is no answer."""
    loss: float | None
    """Half-width of the loss's interval, in the law's unit; None where there is no answer."""


@dataclass(frozen=True, slots=True)
class NextRuns:
    """Runs that could come next, and what they are expected to buy."""

    kind: str
    """budget (one more above the largest) | repeats (one at each optimum) | sizes (one at each end of the largest)."""
    budgets: tuple[float, ...]
    """Their budgets, training FLOPs, each once, ascending."""
    runs: int
    """How many there are."""
    flops: float
    """What they cost together, training FLOPs."""
    expected: tuple[Width, ...]
    """How closely the answers would be known, in the order of `Outlook.now`."""
    ratio: float | None
    """Half-widths of ln N* and of the loss over those of now: their geometric mean; None where none can be compared."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """How closely a law's answers are known now, and what further runs would buy."""

    loss_unit: str
    """nats/token | bits/byte | as in the data."""
    now: tuple[Width, ...]
    """As the table is, at each of the budgets that are asked about."""
    choices: tuple[NextRuns, ...]
    """The one that narrows the intervals most for its FLOPs first."""


def outlook(law: Law, table: RunTable, *, multiples: Sequence[float] = MULTIPLES, draws: int = DRAWS) -> Outlook:
    """What one more budget, a repeat of each optimum, or wider sizes at the largest budget would buy.

    The losses of such runs are drawn from the law, joined to `table`, which it was fitted to and which stays as it is,
    and the law is fitted again. Equal tables give equal outlooks. Raises LawError where no law could be fitted, or
    nothing can be simulated from it.
    """
    asked = [law.largest_budget * multiple for multiple in multiples]
    now, world = _widths(law, asked, law.largest_budget), SimulatedWorld.of(law, table)
    choices = []
    for kind, cells in (("budget", _budget), ("repeats", _repeats), ("sizes", _sizes)):
        with contextlib.suppress(LawError):  # the law has no answer for a further budget
            budgets, params = cells(law)
            generator = np.random.default_rng(0)
            outcomes = []
            for _ in range(draws):
                more = joined(table, world.runs(budgets, params, generator))
                outcomes.append(_widths(fit(more, cost=law.cost, holdout=False), asked, law.largest_budget))
            expected = tuple(_median(each) for each in zip(*outcomes, strict=True))
            own = tuple(np.unique(budgets).tolist())
            choices.append(NextRuns(kind, own, len(budgets), float(budgets.sum()), expected, _ratio(now, expected)))
    if not choices:
        raise LawError("the law has no answer for any budget of a further run")
    return Outlook(law.loss_unit, now, tuple(sorted(choices, key=lambda choice: _worth(choice, now), reverse=True)))


def _budget(law: Law) -> tuple[Floats, Floats]:
    """Budgets and sizes of one more budget: the sizes of the largest with a minimum, laid about the predicted N*."""
    flops = NEXT * law.largest_budget
    log_sizes = np.log(np.unique(_largest(law, with_minimum=True).params))
    params = law.predict(flops).params * np.exp(log_sizes - (log_sizes[0] + log_sizes[-1]) / 2)
    return np.full(len(params), flops), params


def _repeats(law: Law) -> tuple[Floats, Floats]:
    """Of each budget the size nearest to its optimum, once more."""
    curves = sorted(law.curves, key=lambda curve: curve.flops)
    answers = law.band([curve.flops for curve in curves])
    nearest = [
        min(curve.params, key=lambda size, best=answer.params: abs(math.log(size / best)))  # type: ignore[misc]
        for curve, answer in zip(curves, answers, strict=True)
    ]
    return np.array([curve.flops for curve in curves]), np.array(nearest)


def _sizes(law: Law) -> tuple[Floats, Floats]:
    """One more size at each end of the largest budget's, as far off as they lie apart."""
    curve = _largest(law)
    sizes = np.unique(curve.params)
    step = float(np.exp(np.median(np.diff(np.log(sizes))))) if len(sizes) > 1 else 2.0
    return np.full(2, curve.flops), np.array([sizes[0] / step, sizes[-1] * step])


def _largest(law: Law, *, with_minimum: bool = False) -> Curve:
    """The curve of the largest budget, or of the largest that has a minimum, if any has one."""
    curves = sorted(law.curves, key=lambda curve: curve.flops)
    return ([curve for curve in curves if with_minimum and curve.minima] or curves)[-1]


def _widths(law: Law, asked: Sequence[float], largest: float) -> tuple[Width, ...]:
    """How closely a law knows its answers at budgets, training FLOPs."""
    found = []
    for flops in asked:
        params_factor, loss = None, None
        with contextlib.suppress(LawError):
            answer = law.predict(flops)
            params_factor = math.sqrt(answer.params_interval.high / answer.params_interval.low)
            loss = (answer.loss_interval.high - answer.loss_interval.low) / 2
        found.append(Width(flops, flops / largest, params_factor, loss))
    return tuple(found)


def _median(outcomes: Sequence[Width]) -> Width:
    """The median width of outcomes at one budget; no answer where most of them have none."""
    first = outcomes[0]
    known = [one for one in outcomes if one.params_factor is not None and one.loss is not None]
    if 2 * len(known) <= len(outcomes):
        return Width(first.flops, first.multiple, None, None)
    factor, loss = median(one.params_factor or 0 for one in known), median(one.loss or 0 for one in known)
    return Width(first.flops, first.multiple, factor, loss)


def _ratio(now: Sequence[Width], after: Sequence[Width]) -> float | None:
    """Half-widths after over those of now: the geometric mean over budgets, ln N* and the loss."""
    logs = []
    for before, then in zip(now, after, strict=True):
        if before.params_factor and then.params_factor and before.loss and then.loss:
            logs += [math.log(math.log(then.params_factor) / math.log(before.params_factor))]
            logs += [math.log(then.loss / before.loss)]
    return math.exp(sum(logs) / len(logs)) if logs else None


def _worth(choice: NextRuns, now: Sequence[Width]) -> tuple[int, float]:
    """How many answers there would be that there are not now, then the narrowing per FLOP."""
    more = sum(then.loss is not None and before.loss is None for before, then in zip(now, choice.expected, strict=True))
    return more, -math.log(choice.ratio or 1.0) / choice.flops
