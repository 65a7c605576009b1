"""The headline: one combination of the estimators, always the same, with its interval and a word on how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis import interval
from analysis.estimators import Estimator
from analysis.records import Interval, LawError
from analysis.uncertainty import Uncertainty

Floats = NDArray[np.float64]

USED = ("additive", "skaling", "joint_skew", "cubic")
"""Estimators that the headline leans on. The parabola's N* is biased on wide or skewed curves and the Akima spline's is
noisy: both are shown beside it."""
SURFACES = ("additive", "skaling", "joint_skew")
"""Estimators that share one vote, by how well each explains the runs."""
EXPONENT_DRIFT = 0.004
"""Standard deviation of the change of N*'s exponent beyond the grid: no law is exactly a power law."""
PARAMS_FLOOR, LOSS_FLOOR = 0.008, 2e-4
"""Least standard error of ln N* and, relative, of L*: how far apart the definitions of one curve's minimum are."""


@dataclass(frozen=True)
class State:
    """One estimator's parameters, as a law keeps them."""

    name: str
    theta: tuple[float, ...]
    evidence: float = 0.0
    inflation: float = 1.0
    note: str = ""

    @classmethod
    def of(cls, estimator: Estimator) -> State:
        """Without the influences."""
        theta = tuple(map(float, estimator.theta))
        return cls(estimator.name, theta, float(estimator.evidence), float(estimator.inflation), estimator.note)


@dataclass(frozen=True)
class Headline:
    """Combined answers at T budgets, and those of the M estimators."""

    log_params: Floats
    """ln N*, shape (T,)."""
    log_params_half: Floats
    """Half-width of its interval."""
    loss: Floats
    """L*, shape (T,)."""
    loss_half: Floats
    """Half-width of its interval."""
    each_log_params: Floats
    """Shape (T, M)."""
    each_loss: Floats
    """Shape (T, M)."""
    each_log_params_se: Floats
    """Shape (T, M)."""
    each_loss_se: Floats
    """Shape (T, M)."""
    weights_params: Floats
    """Shape (T, M)."""
    weights_loss: Floats
    """Shape (T, M)."""


Answer = tuple[Floats, Floats, Floats, Floats]
"""ln N* and L* at T budgets, (T,) each, and their gradients (T, P)."""


def combine(
    states: Sequence[State], answers: Sequence[Answer], uncertainty: Uncertainty, log_extrapolation: Floats
) -> Headline:
    """Combine the estimators' answers at T budgets; `log_extrapolation` is ln(C / largest budget), shape (T,)."""
    drift = EXPONENT_DRIFT * np.maximum(log_extrapolation, 0)
    params = _combine_one(states, [(a[0], a[2]) for a in answers], uncertainty, np.hypot(drift, PARAMS_FLOOR))
    losses = np.stack([answer[1] for answer in answers], axis=1)
    loss = _combine_one(states, [(a[1], a[3]) for a in answers], uncertainty, LOSS_FLOOR * np.abs(losses).mean(axis=1))
    return Headline(
        log_params=params.mean,
        log_params_half=params.half,
        loss=loss.mean,
        loss_half=loss.half,
        each_log_params=np.stack([answer[0] for answer in answers], axis=1),
        each_loss=losses,
        each_log_params_se=params.each_se,
        each_loss_se=loss.each_se,
        weights_params=params.weights,
        weights_loss=loss.weights,
    )


def combine_losses(
    states: Sequence[State], answers: Mapping[str, tuple[Floats, Floats]], uncertainty: Uncertainty
) -> tuple[float, Interval]:
    """Combine the surfaces' losses of one model: (loss (1,), gradient (1, P)) by name."""
    chosen = [state for state in states if state.name in answers]
    kept = np.concatenate([np.full(len(state.theta), state.name in answers) for state in states])
    floor = np.array([LOSS_FLOOR * float(np.mean([np.abs(value[0][0]) for value in answers.values()]))])
    one = _combine_one(chosen, [answers[state.name] for state in chosen], uncertainty.restricted(kept), floor)
    loss, half = float(one.mean[0]), float(one.half[0])
    return loss, Interval(loss - half, loss + half)


@dataclass(frozen=True)
class _Combined:
    mean: Floats
    half: Floats
    each_se: Floats
    weights: Floats


def _combine_one(
    states: Sequence[State], answers: Sequence[tuple[Floats, Floats]], uncertainty: Uncertainty, floor: Floats
) -> _Combined:
    """Weighted mean of M answers (value (T,), gradient (T, P_m)); half-width from noise, spread between them and floor."""
    values = np.stack([value for value, _ in answers], axis=1)
    gradients = stack_gradients([gradient for _, gradient in answers])
    covariance = gradients @ uncertainty.total @ gradients.transpose(0, 2, 1)
    variances = np.maximum(np.einsum("tmm->tm", covariance), 0)
    weights = _weights(states, variances + floor[:, None] ** 2)
    mean = (weights * values).sum(axis=1)
    between = (weights * (values - mean[:, None]) ** 2).sum(axis=1)
    gradient = np.einsum("tm,tmp->tp", weights, gradients)
    variance, freedom = uncertainty.of_combination(gradient, between + floor**2)
    half = interval.student(freedom) * np.sqrt(np.maximum(variance, 0))
    if not np.isfinite(mean).all() or not np.isfinite(half).all():
        raise LawError("the estimators' errors cannot be computed; the runs do not determine a law")
    return _Combined(mean, half, np.sqrt(variances), weights)


def stack_gradients(gradients: Sequence[Floats]) -> Floats:
    """Gradients (T, P_m) of M answers in their own parameters → (T, M, P) in all parameters."""
    starts = np.cumsum([0, *[gradient.shape[1] for gradient in gradients]])
    full = np.zeros((len(gradients[0]), len(gradients), starts[-1]))
    for m, gradient in enumerate(gradients):
        full[:, m, starts[m] : starts[m + 1]] = gradient
    return full


def _weights(states: Sequence[State], variances: Floats) -> Floats:
    """Inverse-variance weights (T, M), the surfaces' shared out by their evidence (Bayes factors by BIC)."""
    votes = np.array([1.0 if state.name in USED else 0.0 for state in states])
    surfaces = np.array([state.name in SURFACES for state in states])
    if surfaces.any():
        evidence = np.array([state.evidence for state in states])[surfaces]
        shares = np.exp(evidence - evidence.max())
        votes[surfaces] *= shares / shares.sum()
    if not votes.any():
        votes[:] = 1
    raw = votes / np.maximum(variances, 1e-300)
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


def judge(
    *, extrapolation: float, below: float, half_width: float, budgets: int, rejected: Sequence[str], surfaces: int
) -> tuple[str, tuple[str, ...]]:
    """high | medium | low, and plain sentences on how far to trust the answer."""
    level, sentences = 0, []
    factor = float(np.exp(half_width))
    if extrapolation > 1.05:
        sentences.append(f"This is {extrapolation:.3g}× the largest fitted budget.")
    if extrapolation > 100:
        level = 2
        sentences.append("No public data can check a forecast this far out; train a run in between first.")
    elif extrapolation > 10:
        level = 1
        sentences.append("Beyond 10× even good laws have missed N* by a third; confirm with a run at 3×.")
    if below > 3:
        level = max(level, 1)
        sentences.append(f"This is {below:.3g}× below the smallest fitted budget.")
    if budgets < 4:
        level = max(level, 2 if extrapolation > 10 else 1)
        sentences.append(f"Only {budgets} budgets have a minimum: the bend of the loss frontier leans on weak priors.")
    if surfaces and len(rejected) >= surfaces:
        level = 2
        sentences.append("Every surface is rejected by lack of fit; trust the curves themselves more than this.")
    if factor > 2:
        level = 2
        sentences.append(f"The interval of N* spans ×{factor:.2g} to each side.")
    elif factor > 1.3:
        level = max(level, 1)
    return ("high", "medium", "low")[level], tuple(sentences)
