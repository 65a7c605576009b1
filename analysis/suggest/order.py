"""The order of runs: greedily those that narrow the answers most for what they cost, in a few variants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.valley.posterior import Valley
from analysis.suggest.beliefs import Beliefs
from analysis.suggest.cells import Cells
from analysis.suggest.moves import OPEN, missing_sides, moves, repeats_for_noise, whole_curve_near_top
from analysis.suggest.records import Precision, Target, Why
from analysis.suggest.scenarios import likely, to_choose_by

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

LEAST_GAIN = 0.05
"""Fall of ln of the half-widths, for a whole spend, below which runs at that rate are not worth having."""
STEPS = (100, 25)
"""Into how many equal parts a variant divides the spend: runs that cost less count as if they cost one part. Few parts
prefer few large runs; the better of the two is taken (as cost-benefit and plain greedy in Leskovec et al. 2007)."""
TOPS = 1
"""Variants that open one of so many of the largest budgets first, of those that can be opened."""
EQUALLY_GOOD = 0.05
"""Mean ln of the half-widths within which variants are equally good, and the one that reaches highest is taken."""
FOR_NOISE = 0.05
"""Share of a spend that repeats for the noise may take."""
ENOUGH = 5
"""Budgets from which on the number of them limits nothing: the order is chosen as if there were so many."""


@dataclass(frozen=True)
class Step:
    """One run of an order."""

    cell: int
    """Index of its cell."""
    why: Why
    """Why it is in the order."""


@dataclass
class Order:
    """An order in the making; `add` grows it."""

    beliefs: Beliefs
    """What is known after its runs, by the scenarios that runs are chosen by."""
    watched: Beliefs | None
    """The same by the law's own draws, where a target asks for it."""
    cells: Cells
    """What may be run."""
    price: Floats
    """What one run of each cell counts for in the rate of narrowing: FLOPs, or hours as FLOPs, shape (n,)."""
    spend: float
    """Training FLOPs that the runs may spend together."""
    weights: Floats
    """What N* and the loss count for, shape (2,)."""
    expected: Callable[[Sequence[Step]], Precision]
    """What the law is expected to know after some steps, with as many budgets as there are by then."""
    steps: list[Step] = field(default_factory=list)
    """The runs so far."""
    spent: float = 0.0
    """Training FLOPs of them."""

    @property
    def value(self) -> float:
        """Weighted mean of ln of the answers' standard deviations."""
        return float(self.beliefs.log_variances() @ self.weights / self.weights.sum() / 2)

    @property
    def top(self) -> float:
        """The largest budget of its runs; 0 without any."""
        return max((float(self.cells.budget[step.cell]) for step in self.steps), default=0.0)

    def reached(self, target: Target) -> bool:
        """Whether the law is expected to be as precise as a target demands; counts from here on what is missed.

        `watched` takes more budgets for granted than there may be, so only what it has reached is looked at closely.
        """
        if self.watched is None:
            return False
        precision = self.watched.precision()
        if self.steps and target.reached(precision):
            precision = self.expected(self.steps)
        self.weights = _weights(target, precision)
        return target.reached(precision)

    def fits(self, blocks: Labels) -> NDArray[np.bool_]:
        """Which moves (moves, k) are affordable."""
        return np.asarray(self.spent + self.cells.flops[blocks].sum(axis=1) <= self.spend * (1 + 1e-9))

    def add(self, cells: Iterable[int], why: Why | None = None) -> None:
        """Add a run of each of some cells; the reason is found where it is not given."""
        chosen = list(cells)
        for cell in chosen:
            found = Why.REPEAT if self.beliefs.runs[cell] else Why.CURVE if len(chosen) > 1 else Why.SIZE
            self.beliefs.learn(cell)
            if self.watched is not None:
                self.watched.learn(cell)
            self.steps.append(Step(cell, why or found))
            self.spent += float(self.cells.flops[cell])

    def best_move(self, part: float, only: float | None = None) -> Labels | None:
        """The affordable move that narrows the answers most for its cost, runs counted as `part` at least."""
        now, best, most = self.value, None, 0.0
        for blocks in moves(self.beliefs, self.cells, only):
            affordable = blocks[self.fits(blocks)]
            if not len(affordable):
                continue
            after = self.beliefs.after(affordable) @ self.weights / self.weights.sum() / 2
            rate = (now - after) / np.maximum(self.price[affordable], part).sum(axis=1)
            at = int(np.argmax(rate))
            if rate[at] > max(most, LEAST_GAIN / self.spend):
                best, most = affordable[at], float(rate[at])
        return best


def choose(
    valley: Valley,
    cells: Cells,
    flops: float,
    price: Floats,
    spend: float,
    target: Target,
    begun: Sequence[int] = (),
) -> list[Step]:
    """The runs in order, as many as a spend allows or as a target takes; none where none narrows the answers.

    Those of the cells `begun`, whose losses are not known yet, come first, and count as spent and as learnt.
    """
    held = np.unique(cells.budget[cells.runs > 0])
    every = cells.budgets
    settled = max(len(held), min(ENOUGH, len(every)))
    new = [float(budget) for budget in np.setdiff1d(every, held)]
    firsts = [budget for budget in new if OPEN * cells.flops[cells.budget == budget].min() <= spend][-TOPS:]
    variants = [(None, parts) for parts in STEPS] + [(first, STEPS[0]) for first in firsts]
    beliefs = Beliefs.of(to_choose_by(valley), cells, flops, settled)
    watched = Beliefs.of(likely(valley), cells, flops, settled) if target.any else None
    exactly = partial(expected_last, valley, cells, flops)
    orders = []
    for first, parts in variants:
        order = Order(beliefs.copy(), watched and watched.copy(), cells, price, spend, _weights(target), exactly)
        for cell in begun:
            order.add([cell])
        if _grow(order, spend / parts, target, first):
            orders.append(order)
    safe = [order for order in orders if whole_curve_near_top(order.beliefs.runs, cells)] or orders
    reached = [order for order in safe if order.reached(target)]
    if reached:
        return _top_first(min(reached, key=lambda order: order.spent), len(begun))
    least = min(order.value for order in safe)
    close = [order for order in safe if order.value <= least + EQUALLY_GOOD]
    return _top_first(max(close, key=lambda order: (order.top, -order.value)), len(begun))


def _top_first(order: Order, begun: int) -> list[Step]:
    """An order's runs, those at its largest budget before all but those `begun`, noise and sides.

    Whoever asks again after a few of them then knows soonest how far form and drift go, and has not spent on cheap
    runs what the dear ones need.
    """
    first, rest = order.steps[:begun], order.steps[begun:]
    before = [*first, *(step for step in rest if step.why in (Why.NOISE, Why.SIDE))]
    after = [step for step in rest if step.why not in (Why.NOISE, Why.SIDE)]
    top = max((float(order.cells.budget[step.cell]) for step in after), default=0.0)
    return before + sorted(after, key=lambda step: bool(order.cells.budget[step.cell] < top))


def _grow(order: Order, part: float, target: Target, first: float | None) -> bool:
    """Add runs until nothing is left to do; whether the first budget, where one is given, could be opened."""
    for cells, why, most in (
        (repeats_for_noise(order.beliefs, order.cells), Why.NOISE, FOR_NOISE * order.spend),
        (missing_sides(order.beliefs, order.cells), Why.SIDE, order.spend / 2),
    ):
        for cell in cells:
            if order.spent + order.cells.flops[cell] <= most:
                order.add([cell], why)
    if first is not None:
        opening = order.best_move(part, only=first)
        if opening is None:
            return False
        order.add(opening.tolist())
    while not order.reached(target):
        best = order.best_move(part)
        if best is None:
            break
        order.add(best.tolist())
    return True


def _weights(target: Target, now: Precision | None = None) -> Floats:
    """What N* and the loss count for: what is still missed of a target, or else both alike."""
    asked = (target.params_factor is not None, target.loss is not None)
    missed = target.missed(now) if now else asked
    return np.array(missed if any(missed) else (True, True), dtype=float)


def expected_last(valley: Valley, cells: Cells, flops: float, steps: Sequence[Step]) -> Precision:
    """What is expected after the last run of an order, the same as the last of `expected`."""
    chosen, taken = np.unique([step.cell for step in steps], return_inverse=True)
    runs = cells.runs + np.bincount(chosen[taken], minlength=len(cells))
    beliefs = Beliefs.of(likely(valley), cells.select(chosen), flops, _held(cells, runs))
    for cell in taken.tolist():
        beliefs.learn(cell)
    return beliefs.precision()


def _held(cells: Cells, runs: Labels) -> int:
    """Budgets of which so many runs (n,) of the cells are; from some number on more of them limit nothing."""
    return min(len(np.unique(cells.budget[runs > 0])), ENOUGH + 1)


def expected(valley: Valley, cells: Cells, flops: float, steps: Sequence[Step]) -> list[Precision]:
    """What is expected after each run of an order, with as many budgets as there are by then."""
    chosen = np.unique([step.cell for step in steps]).astype(np.int64)
    scenarios, taken = likely(valley), np.searchsorted(chosen, [step.cell for step in steps]).tolist()
    found: list[Precision] = []
    runs, beliefs, budgets = cells.runs.copy(), None, -1
    for at, step in enumerate(steps):
        runs[step.cell] += 1
        held = _held(cells, runs)
        if beliefs is None or held != budgets:
            beliefs, budgets = Beliefs.of(scenarios, cells.select(chosen), flops, held), held
            for cell in taken[:at]:
                beliefs.learn(cell)
        beliefs.learn(taken[at])
        found.append(beliefs.precision())
    return found
