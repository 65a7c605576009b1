"""The headline: N* and L* of the drifting valley, beside what each estimator says alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.cost import TokenCost
from analysis.fitting.estimators import FittedEstimator, blocks, optima_with_gradient
from analysis.fitting.refused import RefusedError
from analysis.fitting.uncertainty import Uncertainty
from analysis.fitting.valley.posterior import Valley, optima
from analysis.refusals import ErrorsUnknown, OptimumRunsOff

Floats = NDArray[np.float64]

FURTHEST = 200.0
"""|ln N*| beyond which there is no optimum."""
WIDEST = 40.0
"""Half-width of ln N* beyond which an interval is void and its ends would overflow."""


@dataclass(frozen=True)
class Headline:
    """The headline's answers at T budgets, and those of the M estimators."""

    log_params: Floats
    """ln N*, shape (T,)."""
    log_params_half: Floats
    """Half-width of its interval."""
    loss: Floats
    """L*, shape (T,)."""
    loss_half: Floats
    """Half-width of its interval."""
    each_log_params: Floats
    """ln N* of each estimator, shape (T, M)."""
    each_loss: Floats
    """L* of each estimator, shape (T, M)."""
    each_log_params_se: Floats
    """Standard error of each ln N*, shape (T, M)."""
    each_loss_se: Floats
    """Standard error of each L*, shape (T, M)."""


def answer(
    valley: Valley, states: Sequence[FittedEstimator], uncertainty: Uncertainty, cost: TokenCost, budgets: Floats
) -> Headline:
    """What the valley and each estimator say at budgets (T,), FLOPs.

    Raises RefusedError where the valley has no optimum or its error is not known.
    """
    log_c = np.log(budgets)
    found = optima(valley, log_c)
    if not np.abs(found.log_params).max() < FURTHEST:
        raise RefusedError(OptimumRunsOff())
    if not all(np.isfinite(half).all() for half in (found.log_params_half, found.loss, found.loss_half)):
        raise RefusedError(ErrorsUnknown())
    total = uncertainty.total
    pairs = zip(states, blocks(states), strict=True)
    each = [_alone(state, total[block, block], valley, cost, log_c) for state, block in pairs]
    shown = np.array(each).reshape(len(each), 4, len(budgets)).transpose(1, 2, 0)
    return Headline(found.log_params, np.minimum(found.log_params_half, WIDEST), found.loss, found.loss_half, *shown)


def _alone(
    state: FittedEstimator, covariance: Floats, valley: Valley, cost: TokenCost, log_c: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """ln N* and L* of one estimator at ln C (T,), and their standard errors; all (T,)."""
    log_n, loss, size_gradient, loss_gradient = optima_with_gradient(
        state.kind, np.asarray(state.theta), valley.origin, log_c, cost
    )
    errors = [
        state.inflation * np.sqrt(np.maximum(((gradient @ covariance) * gradient).sum(axis=1), 0))
        for gradient in (size_gradient, loss_gradient)
    ]
    return log_n, loss, errors[0], errors[1]
