"""The headline: always the same combination of the estimators, its interval, and a word on how far to trust it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis import interval
from analysis.estimators import Estimator
from analysis.records import Interval, LawError
from analysis.uncertainty import Uncertainty

Floats = NDArray[np.float64]

PARAMS_SHARES = {"joint_skew": 0.75, "cubic": 0.25}
"""What N* leans on. The joint-skew surface contains the additive one; the cubic looks at the neighbourhood of the
minima alone. The parabola is biased on wide or skewed curves, the Akima spline noisy: both are shown beside."""
FEW_BUDGETS = 5
"""Below this many minima the surfaces' bend of L*(C) comes from their form and priors and not from the runs, which
their standard errors cannot know: L* is then the frontier's through the minima alone."""
BEND_SD = 0.2
"""What is not known of g, the rate at which the frontier's slope changes with ln C, beyond few budgets: between
neighbouring budgets of our demo sweeps it lay between −0.17 and 0.07 (docs/experiments/demo.md)."""
LOSS_SURFACES = ("additive", "joint_skew")
"""What L* leans on, with the cubic: in equal shares, but without those that lack of fit rejects."""
EXPONENT_DRIFT = 0.002
"""Standard deviation of the change of N*'s exponent beyond the grid: no law is exactly a power law."""
FURTHEST = 200.0
"""|ln N*| beyond which an estimator has no optimum."""
WIDEST = 40.0
"""Half-width of ln N* beyond which an interval says nothing and its ends would overflow."""
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
    states: Sequence[State],
    answers: Sequence[Answer],
    uncertainty: Uncertainty,
    log_extrapolation: Floats,
    *,
    budgets: int,
) -> Headline:
    """Combine the estimators' answers at T budgets.

    `log_extrapolation` is ln(C / largest budget), shape (T,); `budgets` the number of curves with a minimum.
    """
    if not all(np.abs(answer[0]).max() < FURTHEST for answer in answers):
        raise LawError("no law could be fitted: an optimum runs off to sizes that no model has")
    drift = np.hypot(EXPONENT_DRIFT * np.maximum(log_extrapolation, 0), PARAMS_FLOOR)
    inflation = np.array([state.inflation for state in states])
    inflated = [(a[0], a[2] * state.inflation) for a, state in zip(answers, states, strict=True)]
    params = _combine_one(inflated, uncertainty, drift, lambda values, variances: _params_weights(states, variances))
    losses = np.stack([answer[1] for answer in answers], axis=1)
    few = budgets < FEW_BUDGETS
    floor = LOSS_FLOOR * np.abs(losses).mean(axis=1)
    if few:
        floor = np.hypot(floor, _unknown_bend(states, log_extrapolation))
    loss = _combine_one(
        [(a[1], a[3]) for a in answers],
        uncertainty,
        floor,
        lambda values, variances: _loss_weights(states, values, variances, few=few),
    )
    return Headline(
        log_params=params.mean,
        log_params_half=np.minimum(params.half, WIDEST),
        loss=loss.mean,
        loss_half=loss.half,
        each_log_params=np.stack([answer[0] for answer in answers], axis=1),
        each_loss=losses,
        each_log_params_se=params.each_se,
        each_loss_se=loss.each_se * inflation,
        weights_params=params.weights,
        weights_loss=loss.weights,
    )


def _unknown_bend(states: Sequence[State], log_extrapolation: Floats) -> Floats:
    """Standard deviation (T,) of L* from a slope that changes by an unknown rate beyond the grid: s · Δ²/2 · sd(g)."""
    slopes = [np.exp(state.theta[3]) for state in states if state.name == "cubic"]
    beyond = np.maximum(log_extrapolation, 0)
    return np.asarray(0.5 * BEND_SD * beyond**2 * (slopes[0] if slopes else 0.0))


def combine_losses(
    states: Sequence[State], answers: Mapping[str, tuple[Floats, Floats]], uncertainty: Uncertainty
) -> tuple[float, Interval]:
    """Combine the surfaces' losses of one model: (loss (1,), gradient (1, P)) by name."""
    chosen = [state for state in states if state.name in answers]
    kept = np.concatenate([np.full(len(state.theta), state.name in answers) for state in states])
    floor = np.array([LOSS_FLOOR * float(np.mean([np.abs(value[0][0]) for value in answers.values()]))])
    one = _combine_one(
        [answers[state.name] for state in chosen],
        uncertainty.restricted(kept),
        floor,
        lambda values, variances: _loss_weights(chosen, values, variances, few=False),
    )
    loss, half = float(one.mean[0]), float(one.half[0])
    return loss, Interval(loss - half, loss + half)


@dataclass(frozen=True)
class _Combined:
    mean: Floats
    half: Floats
    each_se: Floats
    weights: Floats


def _combine_one(
    answers: Sequence[tuple[Floats, Floats]],
    uncertainty: Uncertainty,
    floor: Floats,
    weigh: Callable[[Floats, Floats], Floats],
) -> _Combined:
    """Weighted mean of M answers (value (T,), gradient (T, P_m)); half-width from noise, spread between them and floor.

    `weigh` gives the weights (T, M) from values and variances, (T, M) each.
    """
    values = np.stack([value for value, _ in answers], axis=1)
    gradients = stack_gradients([gradient for _, gradient in answers])
    covariance = gradients @ uncertainty.total @ gradients.transpose(0, 2, 1)
    variances = np.maximum(np.einsum("tmm->tm", covariance), 0)
    weights = weigh(values, variances + floor[:, None] ** 2)
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


def _params_weights(states: Sequence[State], variances: Floats) -> Floats:
    """Fixed shares (T, M) of those of `PARAMS_SHARES` that answered."""
    shares = np.array([PARAMS_SHARES.get(state.name, 0.0) for state in states])
    return np.asarray(np.broadcast_to(shares / shares.sum(), variances.shape))


def _loss_weights(states: Sequence[State], values: Floats, variances: Floats, *, few: bool) -> Floats:
    """The surfaces' mean against the cubic by inverse variance, or the cubic alone where budgets are `few`; (T, M)."""
    shares = surface_shares(states)
    mean = values @ shares
    pooled = variances @ shares + (values - mean[:, None]) ** 2 @ shares
    cubic = np.array([state.name == "cubic" for state in states])
    if not cubic.any():
        return np.asarray(np.broadcast_to(shares, values.shape))
    trust = np.zeros(len(values)) if few else 1 / (1 + pooled / (variances @ cubic))
    return np.asarray(trust[:, None] * shares + (1 - trust)[:, None] * cubic)


def surface_shares(states: Sequence[State]) -> Floats:
    """Equal shares (M,) of the surfaces that are not rejected; where all are, shares by evidence (BIC)."""
    used = np.array([state.name in LOSS_SURFACES for state in states])
    accepted = used & np.array([state.inflation <= 1 for state in states])
    if accepted.any():
        return np.asarray(accepted / accepted.sum())
    evidence = np.where(used, [state.evidence for state in states], -np.inf)
    shares = np.exp(evidence - evidence.max())
    return np.asarray(shares / shares.sum())


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
