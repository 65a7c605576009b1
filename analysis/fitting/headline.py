"""The headline: N* and L* of the drifting valley, beside what each estimator says alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.cost import TokenCost
from analysis.fitting.estimators import FittedEstimator, blocks, optima_with_gradient
from analysis.fitting.refused import RefusedError
from analysis.fitting.surface import Origin
from analysis.fitting.threads import one_thread
from analysis.fitting.uncertainty import Uncertainty
from analysis.fitting.valley.posterior import Valley, optima
from analysis.records import EstimatorAnswer
from analysis.refusals import ErrorsUnknown, OptimumRunsOff

Floats = NDArray[np.float64]

FURTHEST = 200.0
"""|ln N*| beyond which there is no optimum."""
WIDEST = 40.0
"""Half-width of ln N* beyond which an interval is void and its ends would overflow."""


@dataclass(frozen=True)
class Headline:
    """The headline's answers at T budgets."""

    log_params: Floats
    """ln N*, shape (T,)."""
    log_params_half: Floats
    """Half-width of its interval."""
    loss: Floats
    """L*, shape (T,)."""
    loss_half: Floats
    """Half-width of its interval."""


def answer(valley: Valley, budgets: Floats) -> Headline:
    """What the valley says at budgets (T,), FLOPs.

    Raises RefusedError where it has no optimum or its error is not known.
    """
    found = optima(valley, np.log(budgets))
    if not np.abs(found.log_params).max() < FURTHEST:
        raise RefusedError(OptimumRunsOff())
    if not all(np.isfinite(half).all() for half in (found.log_params_half, found.loss, found.loss_half)):
        raise RefusedError(ErrorsUnknown())
    return Headline(found.log_params, np.minimum(found.log_params_half, WIDEST), found.loss, found.loss_half)


def loss_ends(found: Headline, top: Headline, worst: float, beyond: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """The ends of the loss's interval, (T,) each, of what the valley says at budgets.

    `top` is what it says at the largest fitted budget, `worst` above which no loss can be, and `beyond` (T,) says which
    budgets are larger: more compute cannot do worse, for the rest may be left unspent.
    """
    high = np.minimum(found.loss + found.loss_half, np.maximum(worst, found.loss))
    capped = np.maximum(np.minimum(high, top.loss + top.loss_half), found.loss)
    return np.maximum(found.loss - found.loss_half, 0), np.where(beyond, capped, high)


def alone(
    states: Sequence[FittedEstimator], uncertainty: Uncertainty, origin: Origin, cost: TokenCost, budgets: Floats
) -> list[tuple[EstimatorAnswer, ...]]:
    """What each estimator says alone at each of the budgets (T,), FLOPs."""
    with one_thread(), np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        total = uncertainty.total
        pairs = zip(states, blocks(states), strict=True)
        each = [_answers(state, total[block, block], origin, cost, budgets) for state, block in pairs]
    return list(zip(*each, strict=True))


def _answers(
    state: FittedEstimator, covariance: Floats, origin: Origin, cost: TokenCost, budgets: Floats
) -> list[EstimatorAnswer]:
    """What one estimator says at budgets (T,)."""
    log_n, losses, size_gradient, loss_gradient = optima_with_gradient(
        state.kind, np.asarray(state.theta), origin, np.log(budgets), cost
    )
    errors = [
        (state.inflation * np.sqrt(np.maximum(((gradient @ covariance) * gradient).sum(axis=1), 0))).tolist()
        for gradient in (size_gradient, loss_gradient)
    ]
    return [
        EstimatorAnswer(
            estimator=state.name,
            params=params,
            tokens=float(cost.tokens(flops, params)),
            loss=loss,
            log_params_se=size_error,
            loss_se=loss_error,
            note=state.note,
        )
        for flops, params, loss, size_error, loss_error in zip(
            budgets.tolist(), np.exp(log_n).tolist(), losses.tolist(), *errors, strict=True
        )
    ]
