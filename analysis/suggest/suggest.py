"""A law and its table's cells, or a plan without runs, and a question → the runs that narrow its answer most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.threads import one_thread
from analysis.law import Law
from analysis.records import QuestionError
from analysis.suggest.beliefs import Beliefs
from analysis.suggest.cells import Cells
from analysis.suggest.order import Step, choose, expected
from analysis.suggest.records import Outcome, Precision, SuggestedRun, Suggestion, Target
from analysis.wording import format_flops, typed_flops

Floats = NDArray[np.float64]

GROWTH = 2.0
"""Factor between the spends that are tried until a target is reached."""
MOST_GROWN = 1000.0
"""What may be spent for a target where no spend is given, over the cost of all runs so far."""


def suggest(
    law: Law,
    cells: Cells,
    flops: float,
    *,
    spend: float | None = None,
    target: Target | None = None,
    per_hour: bool = False,
) -> Suggestion:
    """The further runs that most narrow the answer at a budget, training FLOPs, for each FLOP or each hour.

    `cells` are those that may be run and those that were (`cells.joined`). Without a spend, in FLOPs, as much again as
    the runs so far may be spent, or as much as a target takes. Equal input gives equal output. Raises QuestionError for
    a question that has no meaning, LawError where no law could be fitted.
    """
    target = target or Target()
    law.limits  # noqa: B018  (raises LawError where there is no law)
    assert law.valley is not None
    valley, cells = law.valley, cells.ordered()
    _check(law, cells, flops, spend, per_hour=per_hour)

    @lru_cache
    def know(budgets: int) -> Beliefs:
        return Beliefs.of(valley, cells, flops, budgets)

    had = float((cells.flops * cells.runs).sum())
    with one_thread(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        now = know(len(np.unique(cells.budget[cells.runs > 0]))).precision()
        if target.reached(now):
            return Suggestion(flops, law.loss_unit, now, target, spend or had, (), Outcome.REACHED, len(cells))
        found: Suggestion | None = None
        for allowed in _spends(cells, spend, had, target):
            affordable = _affordable(cells, allowed)
            prices = affordable.hours if per_hour and affordable.hours is not None else affordable.flops
            limit = allowed * _hours_a_flop(affordable) if per_hour else allowed

            @lru_cache
            def known(budgets: int, affordable: Cells = affordable) -> Beliefs:
                return Beliefs.of(valley, affordable, flops, budgets)

            steps = choose(known, affordable, prices, limit, target)
            after = expected(known, affordable, steps)
            found = _suggestion(law, affordable, flops, allowed, target, now, steps, after)
            if found.outcome is Outcome.REACHED:
                break
    assert found is not None
    return replace(found, candidates=len(cells))
