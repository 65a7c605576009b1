"""How precise a planned grid's answers would be: the expected half-widths of their intervals, by simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.answers.usual import usual_outcomes
from analysis.fitting import headline
from analysis.fitting.cost import TokenCost
from analysis.fitting.spikes import set_aside_spikes
from analysis.fitting.surface import Origin
from analysis.fitting.threads import one_thread
from analysis.fitting.valley.posterior import learn
from analysis.law import Law, fit
from analysis.limits import worst_loss
from analysis.records import LawError
from analysis.table.table import RunTable

Floats = NDArray[np.float64]

DEFAULT_NOISE = 0.01
"""Standard deviation between seeds of small runs, nats per token: measured 0.0105 at 3e11 FLOPs."""


@dataclass(frozen=True)
class ExpectedWidth:
    """How wide the intervals of an answer beyond the largest budget will be."""

    multiple: float
    """Asked budget over the largest planned."""
    params_factor: float
    """Half-width of N*'s interval as a factor, 1.3 for ×1.3 to each side."""
    loss: float
    """Half-width of the loss's interval, nats per token."""


def expected_widths(
    flops: ArrayLike,
    params: ArrayLike,
    tokens: ArrayLike,
    *,
    budgets: ArrayLike | None = None,
    cost: TokenCost | None = None,
    noise: float = DEFAULT_NOISE,
    multiples: Sequence[float] = (10.0, 100.0),
    draws: int = 5,
) -> tuple[ExpectedWidth, ...]:
    """Median half-widths over some simulated outcomes of a plan; one row a planned run, seeds as rows of their own.

    The outcomes are as published sweeps' usually are, with misfit and drift about a default surface whose valley lies
    through the middle of the grid; `noise` is what is between seeds. Raises LawError where the grid could give no law,
    with the reason that the fit itself would give.
    """
    frame = pd.DataFrame({"flops": flops, "params": params, "tokens": tokens}, dtype=float)
    frame["seed"] = np.arange(len(frame))
    if budgets is not None:
        frame["budget"] = np.asarray(budgets, dtype=float)
    plan = RunTable.from_frame(frame.assign(loss=np.linspace(4.0, 3.0, len(frame))))
    asked = float(plan.budgets.max()) * np.asarray(multiples)
    found: list[tuple[Floats, Floats]] = []
    for table in usual_outcomes(plan, noise, draws):
        try:
            found.append(_of_valley(table, asked) if found else _of_law(fit(table, cost=cost, holdout=False), asked))
        except LawError as error:
            failure = error
    if len(found) <= draws // 2:
        raise failure
    return tuple(
        ExpectedWidth(
            multiple=float(multiple),
            params_factor=float(np.median([params[index] for params, _ in found])),
            loss=float(np.median([loss[index] for _, loss in found])),
        )
        for index, multiple in enumerate(multiples)
    )


def _of_law(law: Law, asked: Floats) -> tuple[Floats, Floats]:
    """Half-widths at budgets (T,): N*'s as factors, and the loss's."""
    result = law.combined(asked)
    low, high = law.loss_ends(asked, result)
    return np.exp(result.log_params_half), (high - low) / 2


def _of_valley(table: RunTable, asked: Floats) -> tuple[Floats, Floats]:
    """The half-widths of a table's law, in half the time: of a grid that is known to give one only the headline counts.

    Raises LawError where there is no headline.
    """
    table = set_aside_spikes(table)
    largest, unit = float(table.budgets.max()), table.loss_unit
    with one_thread(), np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        valley = learn(table, Origin.of(table.params, table.tokens, table.flops))
        result, top = headline.answer(valley, asked), headline.answer(valley, np.array([largest]))
    low, high = headline.loss_ends(result, top, worst_loss(unit, float(table.loss.max())), asked > largest)
    return np.exp(result.log_params_half), (high - low) / 2
