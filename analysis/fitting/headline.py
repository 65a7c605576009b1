"""The headline: always the same combination of the estimators, with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting import interval
from analysis.fitting.estimators import (
    ADDITIVE,
    CUBIC,
    JOINT_SKEW,
    JOINT_SKEW_BENT,
    FittedEstimator,
    Kind,
    SurfaceKind,
)
from analysis.fitting.parameters import JointSkewBentTheta, LineTheta
from analysis.fitting.refused import RefusedError
from analysis.fitting.uncertainty import Uncertainty
from analysis.refusals import ErrorsUnknown, OptimumRunsOff

Floats = NDArray[np.float64]

CUBIC_SHARE = 0.25
"""Largest weight of the cubics' minima in N*; the rest goes to the joint-skew surface, which contains the additive
one. Where the minima are noisier, their share falls with their variance. The parabola is biased on wide or skewed
curves and the Akima spline is noisy: both are shown, and neither is used."""
BEND_ODDS = 0.1
"""Prior odds that the path of N* bends (its exponent changes with compute) against its being a power law."""
EVIDENCE_SHARE = 0.5
"""Share of the evidence that sets the additive surface's weight against the joint-skew one's in the loss: the
whole evidence would ignore that both may be wrong."""
FEW_BUDGETS = 5
"""With fewer minima than this the surfaces take their bend of L*(C) from their form and priors rather than the runs,
which their standard errors do not show: L* is then that of the frontier through the minima alone."""
SLOPE_WALK = 0.15
"""Uncertainty of the frontier beyond few budgets: its slope walks at random by this share of itself for each
square root of a unit of ln C. Between neighbouring budgets of our demo sweeps it changed by −0.17 to 0.07 for each unit
(docs/experiments/demo.md)."""
LOSS_SURFACES = (ADDITIVE, JOINT_SKEW)
"""Surfaces whose L* the headline combines with the cubic's, without those that lack of fit rejects."""
EXPONENT_DRIFT = 0.002
"""Standard deviation of the change of N*'s exponent beyond the grid: no law is exactly a power law."""
FURTHEST = 200.0
"""|ln N*| beyond which an estimator has no optimum."""
WIDEST = 40.0
"""Half-width of ln N* beyond which an interval is void and its ends would overflow."""
PARAMS_FLOOR, LOSS_FLOOR = 0.008, 2e-4
"""Least standard error of ln N* and, relative, of L*: how far apart the definitions of one curve's minimum are."""


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
    """ln N* of each estimator, shape (T, M)."""
    each_loss: Floats
    """L* of each estimator, shape (T, M)."""
    each_log_params_se: Floats
    """Standard error of each ln N*, shape (T, M)."""
    each_loss_se: Floats
    """Standard error of each L*, shape (T, M)."""
    weights_params: Floats
    """Weight of each estimator in ln N*, shape (T, M)."""
    weights_loss: Floats
    """Weight of each estimator in L*, shape (T, M)."""


Answer = tuple[Floats, Floats, Floats, Floats]
"""ln N* and L* at T budgets, (T,) each, and their gradients (T, P)."""


def combine(
    states: Sequence[FittedEstimator],
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
        raise RefusedError(OptimumRunsOff())
    drift = np.hypot(EXPONENT_DRIFT * np.maximum(log_extrapolation, 0), PARAMS_FLOOR)
    bend = bend_probability(states, uncertainty)
    inflation = np.array([state.inflation for state in states])
    inflated = [(a[0], a[2] * state.inflation) for a, state in zip(answers, states, strict=True)]
    surfaces = np.array([isinstance(state.kind, SurfaceKind) for state in states])
    params = _combine_one(
        inflated, uncertainty, drift, surfaces, lambda _, variances: _params_weights(states, variances, bend)
    )
    losses = np.stack([answer[1] for answer in answers], axis=1)
    few = budgets < FEW_BUDGETS
    floor = LOSS_FLOOR * np.abs(losses).mean(axis=1)
    if few:
        floor = np.hypot(floor, _unknown_slope(states, log_extrapolation))
    loss = _combine_one(
        [(a[1], a[3]) for a in answers],
        uncertainty,
        floor,
        surfaces,
        lambda values, variances: _loss_weights(states, values, variances, bend, few=few),
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


def bend_probability(states: Sequence[FittedEstimator], uncertainty: Uncertainty) -> float:
    """Probability that the path of N* bends: the Savage-Dickey ratio of κ's prior and posterior at zero.

    The posterior is Student's t with the freedom of the noise (Dickey 1971); zero where no bent surface was fitted.
    """
    kinds = [state.kind for state in states]
    if JOINT_SKEW_BENT not in kinds:
        return 0.0
    at = kinds.index(JOINT_SKEW_BENT)
    kappa = JointSkewBentTheta(*states[at].theta).kappa
    prior_sd = JointSkewBentTheta(*JOINT_SKEW_BENT.form.prior_sd).kappa
    before = sum(len(state.theta) for state in states[:at])
    gradient = np.zeros((1, len(uncertainty.total)))
    gradient[0, before + JointSkewBentTheta._fields.index("kappa")] = 1
    variance, freedom = (float(one[0]) for one in uncertainty.of_combination(gradient, np.zeros(1)))
    if not 0 < variance < np.inf:
        return 0.0
    square = np.log1p(kappa**2 / variance / freedom) * (freedom + 1) / 2
    log_odds = np.log(BEND_ODDS) + 0.5 * np.log(variance) - np.log(prior_sd) + square
    return float(1 / (1 + np.exp(-np.clip(log_odds, -50, 50))))


def bend_sentences(states: Sequence[FittedEstimator], uncertainty: Uncertainty) -> tuple[str, ...]:
    """A sentence where the path of N* bends more likely than not; nothing elsewhere."""
    probability = bend_probability(states, uncertainty)
    if probability < 0.5:
        return ()
    bent = next(state for state in states if state.kind == JOINT_SKEW_BENT)
    kappa = JointSkewBentTheta(*bent.theta).kappa
    change = f"falls by {-np.expm1(-2.3 * kappa):.0%}" if kappa > 0 else f"rises by {np.expm1(-2.3 * kappa):.0%}"
    return (
        f"N* does not follow a power law here: its exponent {change} for every tenfold increase in compute "
        f"(probability of a bend: {probability:.2f}); the headline follows the bend.",
    )


def _unknown_slope(states: Sequence[FittedEstimator], log_extrapolation: Floats) -> Floats:
    """Standard deviation (T,) of L* from a slope that walks beyond the grid: s τ √(Δ³/3), as a Wiener slope does."""
    slopes = [np.exp(LineTheta(*state.theta).log_slope) for state in states if state.kind == CUBIC]
    beyond = np.maximum(log_extrapolation, 0)
    return np.asarray(SLOPE_WALK * np.sqrt(beyond**3 / 3) * (slopes[0] if slopes else 0.0))


@dataclass(frozen=True)
class _Combined:
    """One quantity of the headline at T budgets, and of its M estimators."""

    mean: Floats
    """Weighted mean, shape (T,)."""
    half: Floats
    """Half-width of its interval, shape (T,)."""
    each_se: Floats
    """Standard error of each estimator, shape (T, M)."""
    weights: Floats
    """Weights, shape (T, M)."""


def _combine_one(
    answers: Sequence[tuple[Floats, Floats]],
    uncertainty: Uncertainty,
    floor: Floats,
    hypotheses: NDArray[np.bool_],
    weigh: Callable[[Floats, Floats], Floats],
) -> _Combined:
    """Weighted mean of M answers (value (T,), gradient (T, P_m)); half-width from noise, spread between them and floor.

    `weigh` gives the weights (T, M) from values and variances, (T, M) each. Of the spread only what exceeds its
    expectation from the noise is added: the rest is in the noise of the combination already. Between `hypotheses` (M,),
    of which one at most is right, nothing averages out: their share has the mean of their variances.
    """
    values = np.stack([value for value, _ in answers], axis=1)
    gradients = stack_gradients([gradient for _, gradient in answers])
    covariance = gradients @ uncertainty.total @ gradients.transpose(0, 2, 1)
    variances = np.maximum(np.einsum("tmm->tm", covariance), 0)
    weights = weigh(values, variances + floor[:, None] ** 2)
    mean = (weights * values).sum(axis=1)
    between = (weights * (values - mean[:, None]) ** 2).sum(axis=1) - expected_spread(weights, covariance)
    other = np.maximum(between, 0) + kept_apart(weights * hypotheses, covariance) + floor**2
    variance, freedom = uncertainty.of_combination(np.einsum("tm,tmp->tp", weights, gradients), other)
    half = interval.student(freedom) * np.sqrt(np.maximum(variance, 0))
    if not np.isfinite(mean).all() or not np.isfinite(half).all():
        raise RefusedError(ErrorsUnknown())
    return _Combined(mean, half, np.sqrt(variances), weights)


def expected_spread(weights: Floats, covariance: Floats) -> Floats:
    """Mean of Σ w (value − weighted mean)² (T,) from noise alone, for weights (T, M) and covariances (T, M, M)."""
    from_mean = np.eye(weights.shape[1]) - weights[:, None, :]
    return np.asarray((weights * np.einsum("tij,tjk,tik->ti", from_mean, covariance, from_mean)).sum(axis=1))


def kept_apart(weights: Floats, covariance: Floats) -> Floats:
    """How much the hypotheses' mean variance, times the square of their share, exceeds the weighted mean's, shape (T,).

    `weights` (T, M), `covariance` (T, M, M); zero where the hypotheses share all their noise.
    """
    share = weights.sum(axis=1)
    mixture = share * (weights * np.einsum("tmm->tm", covariance)).sum(axis=1)
    return np.asarray(np.maximum(mixture - np.einsum("tm,tmn,tn->t", weights, covariance, weights), 0))


def stack_gradients(gradients: Sequence[Floats]) -> Floats:
    """Gradients (T, P_m) of M answers in their own parameters → (T, M, P) in all parameters."""
    starts = np.cumsum([0, *[gradient.shape[1] for gradient in gradients]])
    full = np.zeros((len(gradients[0]), len(gradients), starts[-1]))
    for m, gradient in enumerate(gradients):
        full[:, m, starts[m] : starts[m + 1]] = gradient
    return full


def _are(states: Sequence[FittedEstimator], *kinds: Kind) -> NDArray[np.bool_]:
    """Which of the M estimators are of one of these kinds, shape (M,)."""
    return np.array([state.kind in kinds for state in states])


def _params_weights(states: Sequence[FittedEstimator], variances: Floats, bend: float) -> Floats:
    """The joint-skew surface, straight and bent by the probability of a bend, against the cubic; (T, M)."""
    shares = (1 - bend) * _are(states, JOINT_SKEW) + bend * _are(states, JOINT_SKEW_BENT)
    cubic = _are(states, CUBIC)
    if not shares.any():
        return np.asarray(np.broadcast_to(cubic, variances.shape))
    shares /= shares.sum()
    if not cubic.any():
        return np.asarray(np.broadcast_to(shares, variances.shape))
    trust = CUBIC_SHARE * np.minimum(1, (variances @ shares) / (variances @ cubic))
    return np.asarray((1 - trust)[:, None] * shares + trust[:, None] * cubic)


def _loss_weights(
    states: Sequence[FittedEstimator], values: Floats, variances: Floats, bend: float, *, few: bool
) -> Floats:
    """The surfaces' mean against the cubic by inverse variance, or the cubic alone where budgets are `few`; (T, M)."""
    shares = surface_shares(states, bend)
    mean = values @ shares
    pooled = variances @ shares + (values - mean[:, None]) ** 2 @ shares
    cubic = _are(states, CUBIC)
    if not cubic.any():
        return np.asarray(np.broadcast_to(shares, values.shape))
    trust = np.zeros(len(values)) if few else 1 / (1 + pooled / (variances @ cubic))
    return np.asarray(trust[:, None] * shares + (1 - trust)[:, None] * cubic)


def surface_shares(states: Sequence[FittedEstimator], bend: float) -> Floats:
    """Shares (M,) of the loss: by evidence (BIC) between the surfaces that are not rejected, or all where all are.

    Both are of a straight path: the probability of a `bend` passes to the bent surface.
    """
    used = _are(states, *LOSS_SURFACES)
    accepted = used & np.array([state.inflation <= 1 for state in states])
    chosen = accepted if accepted.any() else used
    evidence = np.array([state.evidence for state in states])
    best = evidence[chosen].max()
    shares = np.where(chosen, np.exp(EVIDENCE_SHARE * np.minimum(evidence - best, 0)), 0.0)
    shares /= shares.sum()
    return np.asarray((1 - bend) * shares + bend * _are(states, JOINT_SKEW_BENT))
