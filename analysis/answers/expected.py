"""How precise a planned grid's answers would be: the expected half-widths of their intervals, by simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analysis.answers.usual import usual_outcomes
from analysis.fitting.cost import TokenCost
from analysis.law import fit
from analysis.records import LawError
from analysis.table.table import RunTable

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
    found = []
    for table in usual_outcomes(plan, noise, draws):
        try:
            law = fit(table, cost=cost, holdout=False)
            result = law.combined(asked)
        except LawError as error:
            failure = error
            continue
        low, high = law.loss_ends(asked, result)
        found.append((np.exp(result.log_params_half), (high - low) / 2))
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
