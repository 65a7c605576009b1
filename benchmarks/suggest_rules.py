"""Rules by which runs of a pool are added: what `isoflop suggest` says, a uniform grid, random choice, D-optimality."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.local_minima import LocalMinimum
from analysis.fitting.valley.posterior import optima
from analysis.law import Law, fit
from analysis.records import LawError
from analysis.suggest.beliefs import Beliefs
from analysis.suggest.cells import Cells
from analysis.suggest.order import choose
from analysis.suggest.records import Target
from analysis.suggest.scenarios import likely
from analysis.table.table import RunTable

Mask = NDArray[np.bool_]
Generator = np.random.Generator

ROUNDS = 2
"""Fits between which suggested runs are added."""


@dataclass(frozen=True, eq=False)
class Case:
    """A pool and what is asked of it."""

    name: str
    """What the table calls it."""
    pool: RunTable
    """Runs that may be bought."""
    flops: float
    """The asked budget, training FLOPs."""
    truth: LocalMinimum
    """N* and L* there."""
    known: Sequence[LocalMinimum | None]
    """Minima of the pool's budgets."""


@dataclass(frozen=True)
class Answer:
    """ln N* and L* with half-widths."""

    values: tuple[float, float]
    """The answers."""
    halves: tuple[float, float]
    """Half-widths of their intervals."""


def answer(table: RunTable, flops: float) -> tuple[Answer | None, Law | None]:
    """The headline's answer, and the law; None where there is none."""
    try:
        law = fit(table, holdout=False)
    except LawError:
        return None, None
    if law.valley is None:
        return None, None
    found = optima(law.valley, np.log([flops]))
    values = float(found.log_params[0]), float(found.loss[0])
    return Answer(values, (float(found.log_params_half[0]), float(found.loss_half[0]))), law


def begin(case: Case, generator: Generator) -> Mask:
    """Five sizes at each of the three smallest budgets with a minimum, to both sides of it; one run a cell."""
    pool, chosen = case.pool, np.zeros(len(case.pool), dtype=bool)
    usable = [(budget, known) for budget, known in enumerate(case.known) if known is not None]
    for budget, known in usable[:3]:
        rows = np.flatnonzero(pool.budget == budget)
        _, first = np.unique(pool.repeat[rows], return_index=True)
        rows = rows[first]
        for _ in range(200):
            picked = generator.choice(rows, size=min(5, len(rows)), replace=False)
            off = np.log(pool.params[picked]) - known.log_params
            if off.min() < -0.2 and off.max() > 0.2:
                break
        chosen[picked] = True
    return chosen


def cells_of(pool: RunTable, chosen: Mask) -> Cells:
    """The pool's cells, with the runs that were chosen and those that are left."""
    whole = Cells.run_already(pool, 0)
    runs = np.bincount(pool.repeat, weights=chosen).astype(np.int64)
    return replace(whole, runs=runs, most=whole.runs - runs)


def suggested(case: Case, chosen: Mask, law: Law | None, spend: float, generator: Generator) -> Mask:
    """By what `isoflop suggest` would say, in rounds."""
    return _in_rounds(case, chosen, law, spend, generator, _by_suggest)


def d_optimal(case: Case, chosen: Mask, law: Law | None, spend: float, generator: Generator) -> Mask:
    """By the largest gain of information on all parameters for each FLOP."""
    return _in_rounds(case, chosen, law, spend, generator, _by_information)


def _in_rounds(
    case: Case, chosen: Mask, law: Law | None, spend: float, generator: Generator, rule: Callable[..., list[int]]
) -> Mask:
    pool, chosen = case.pool, chosen.copy()
    for turn in range(ROUNDS):
        if turn:
            _, law = answer(pool.select(chosen), case.flops)
        left = spend - float(pool.flops[chosen].sum())
        if law is None or left <= 0:
            break
        batch = 0.0
        for cell in rule(law, cells_of(pool, chosen), case.flops, left):
            if batch >= left / (ROUNDS - turn):
                break
            row = int(generator.choice(np.flatnonzero((pool.repeat == cell) & ~chosen)))
            chosen[row] = True
            batch += float(pool.flops[row])
    return chosen


def _by_suggest(law: Law, cells: Cells, flops: float, left: float) -> list[int]:
    valley = law.valley
    assert valley is not None
    return [step.cell for step in choose(valley, cells, flops, cells.flops, left, Target())]


def _by_information(law: Law, cells: Cells, flops: float, left: float) -> list[int]:
    assert law.valley is not None
    beliefs = Beliefs.of(likely(law.valley), cells, flops, len(cells.budgets))
    found: list[int] = []
    limit = cells.runs + cells.most
    while True:
        free = np.flatnonzero((beliefs.runs < limit) & (cells.flops <= left))
        if not len(free):
            return found
        gain = beliefs.weights @ np.log1p(beliefs.variances[:, free] / beliefs.added(free))
        best = int(free[np.argmax(gain / cells.flops[free])])
        beliefs.learn(best)
        left -= float(cells.flops[best])
        found.append(best)


def uniform(case: Case, chosen: Mask, law: Law | None, spend: float, generator: Generator) -> Mask:
    """Every k-th size of every budget, for the least k that is affordable."""
    pool = case.pool
    for every in range(1, 40):
        more = chosen.copy()
        for budget in range(len(pool.budgets)):
            rows = np.flatnonzero(pool.budget == budget)
            sizes = np.unique(pool.params[rows])
            more[rows[np.isin(pool.params[rows], sizes[generator.integers(every) :: every])]] = True
        if float(pool.flops[more].sum()) <= spend:
            return more
    return chosen


def at_random(case: Case, chosen: Mask, law: Law | None, spend: float, generator: Generator) -> Mask:
    """Whatever comes and is affordable."""
    chosen, flops = chosen.copy(), case.pool.flops
    for row in generator.permutation(len(flops)):
        if not chosen[row] and flops[chosen].sum() + flops[row] <= spend:
            chosen[row] = True
    return chosen


RULES: Mapping[str, Callable[[Case, Mask, Law | None, float, Generator], Mask]] = MappingProxyType(
    {"suggest": suggested, "uniform grid": uniform, "random": at_random, "D-optimality": d_optimal}
)
"""By the name that the table calls them."""
