"""Questions beyond the compute-optimal model: limited data, inference to come, a size that is given, GPU-hours.

Each answer comes from the surfaces that the headline's loss leans on; its interval is that of draws from their joint
uncertainty, so that it holds for optima under any constraint. Shape legend: B draws, G candidate sizes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analysis import headline, interval
from analysis.forms import FORMS, Form
from analysis.law import Law
from analysis.records import Interval, LawError

Floats = NDArray[np.float64]

DRAWS = 400
"""Draws of the surfaces' parameters behind an interval."""
GRID = 400
"""Candidate sizes."""

REPEATED_TOKENS_WORTH = 15.387756
"""R*_D of Muennighoff et al. 2023 (Scaling Data-Constrained Language Models, appendix A): repetitions after which a
token has given 1 − 1/e of what fresh ones would."""
EXCESS_PARAMETERS_WORTH = 5.309743
"""R*_N of Muennighoff et al. 2023: the same for parameters beyond what the unique tokens can fill."""
INFERENCE_SHARE = 1 / 3
"""Forward FLOPs of the training FLOPs of a token: 2 N of 6 N (Sardana et al. 2023, equation 2)."""
PEAK_FLOPS = {
    "v100": 125e12,
    "a100": 312e12,
    "l40s": 362e12,
    "h100": 989e12,
    "h200": 989e12,
    "b200": 2250e12,
    "tpu-v4": 275e12,
    "tpu-v5e": 197e12,
    "tpu-v5p": 459e12,
}
"""Dense 16-bit peak of one device, FLOP/s, by its vendor's data sheet."""


@dataclass(frozen=True)
class Answer:
    """The model that answers a question."""

    question: str
    """optimum_with_limited_data | cheapest_with_inference | given_size."""
    params: float
    """N."""
    tokens: float
    """Training tokens D, repetitions included."""
    flops: float
    """Training FLOPs."""
    loss: float
    """Loss reached."""
    params_interval: Interval
    """Interval of N."""
    loss_interval: Interval
    """Interval of the loss."""
    extrapolation: float
    """Training FLOPs over the largest fitted budget."""
    details: dict[str, float] = field(default_factory=dict)
    """Figures of this question by name, such as `epochs`."""
    warnings: tuple[str, ...] = ()
    """Plain sentences."""


def flops_of_gpu_hours(hours: float, device: str, utilisation: float = 0.4) -> float:
    """Training FLOPs of so many hours on one device at a stated share of its 16-bit peak. Raises LawError."""
    peak = PEAK_FLOPS.get(device.lower())
    if peak is None:
        raise LawError(f"no device {device!r}; known: {', '.join(PEAK_FLOPS)}")
    if not (np.isfinite(hours) and hours > 0 and 0 < utilisation <= 1):
        raise LawError("hours must be positive and the utilisation between 0 and 1")
    return hours * 3600 * peak * utilisation


def best_with_limited_data(law: Law, flops: float, unique_tokens: float) -> Answer:
    """The best model for a budget when only so many unique tokens exist, repetition counted at its worth.

    Muennighoff et al. 2023, equations 5 and 6, with their published R* and this law's own surface.
    """
    _check_positive(flops=flops, unique_tokens=unique_tokens)
    filled = _params_filled_by(law, unique_tokens)

    def losses(form: Form, theta: Floats, params: Floats) -> Floats:
        tokens = law.cost.tokens(flops, params)
        worth = _diminishing(tokens, unique_tokens, REPEATED_TOKENS_WORTH)
        used = _diminishing(params, filled, EXCESS_PARAMETERS_WORTH)
        return _values(law, form, theta, used, worth)

    centre = law.predict(flops)
    params, loss, sizes, reached = _optimise(law, losses, centre.params)
    tokens = float(law.cost.tokens(flops, params))
    epochs = tokens / unique_tokens
    warnings = list(_extrapolation_warnings(law, flops))
    if epochs > 1:
        warnings.append(f"Each token is seen {epochs:.3g} times, at the worth that Muennighoff et al. 2023 published.")
    if epochs > 40:
        warnings.append("Beyond 40 epochs their data showed no return at all.")
    return Answer(
        question="optimum_with_limited_data",
        params=params,
        tokens=tokens,
        flops=flops,
        loss=loss,
        params_interval=sizes,
        loss_interval=reached,
        extrapolation=flops / law.largest_budget,
        details={"epochs": epochs, "unique_tokens": float(unique_tokens), "loss_without_limit": centre.loss},
        warnings=tuple(warnings),
    )


def cheapest_with_inference(law: Law, flops: float, inference_tokens: float) -> Answer:
    """The model as good as the compute-optimal one of a budget that is cheapest with so many tokens of inference.

    Sardana et al. 2023, equation 2: least F(N) D + F(N)/3 · T subject to L(N, D) = L*(C).
    """
    _check_positive(flops=flops, inference_tokens=inference_tokens)
    target = law.predict(flops)

    def total(form: Form, theta: Floats, params: Floats) -> Floats:
        goal = _values(law, form, theta, np.array([target.params]), np.array([target.tokens]))
        tokens = _tokens_for_loss(law, form, theta, params, goal)
        return np.asarray(law.cost.flops_per_token(params) * (tokens + INFERENCE_SHARE * inference_tokens))

    params, cost, sizes, _ = _optimise(law, total, target.params, upwards=1.5)
    form, theta = _surfaces(law, 0)[0]
    goal = _values(law, form, theta, np.array([target.params]), np.array([target.tokens]))
    tokens = float(_tokens_for_loss(law, form, theta, np.array([params]), goal)[0, 0])
    training = float(law.cost.flops_per_token(params)) * tokens
    plain = flops + INFERENCE_SHARE * inference_tokens * float(law.cost.flops_per_token(target.params))
    loss, bounds = law.loss_at(params, tokens)
    return Answer(
        question="cheapest_with_inference",
        params=params,
        tokens=tokens,
        flops=training,
        loss=loss,
        params_interval=sizes,
        loss_interval=bounds,
        extrapolation=training / law.largest_budget,
        details={
            "inference_tokens": float(inference_tokens),
            "total_flops": cost,
            "total_flops_of_compute_optimal": plain,
            "saving": 1 - cost / plain,
        },
        warnings=_extrapolation_warnings(law, training),
    )


def given_size(law: Law, flops: float, params: float) -> Answer:
    """What a model of a given size reaches with a budget, and what its distance from the optimum costs."""
    _check_positive(flops=flops, params=params)
    optimum = law.predict(flops)
    tokens = float(law.cost.tokens(flops, params))
    losses = np.concatenate(
        [
            np.diff(_values(law, form, theta, np.array([optimum.params, params]), np.array([optimum.tokens, tokens])))
            for form, theta in _surfaces(law, DRAWS)
        ]
    )
    loss, bounds = law.loss_at(params, tokens)
    low, high = np.percentile(losses, [2.5, 97.5])
    return Answer(
        question="given_size",
        params=params,
        tokens=tokens,
        flops=flops,
        loss=loss,
        params_interval=Interval(params, params),
        loss_interval=bounds,
        extrapolation=flops / law.largest_budget,
        details={
            "times_too_large": params / optimum.params,
            "excess_loss": float(np.median(losses)),
            "excess_loss_low": float(low),
            "excess_loss_high": float(high),
        },
        warnings=_extrapolation_warnings(law, flops),
    )


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not (np.isfinite(value) and value > 0):
            raise LawError(f"{name.replace('_', ' ')} must be a positive number, not {value}")


def _extrapolation_warnings(law: Law, flops: float) -> tuple[str, ...]:
    ratio = flops / law.largest_budget
    return (f"This is {ratio:.3g}× the largest fitted budget.",) if ratio > 1.05 else ()


def _diminishing(amount: Floats, unique: float, worth: float) -> Floats:
    """U + U R* (1 − e^(−R/R*)) of R = amount/U − 1 repetitions (Muennighoff et al. 2023, equation 5)."""
    repeats = np.maximum(amount / unique - 1, 0)
    return np.asarray(np.minimum(amount, unique) + unique * worth * -np.expm1(-repeats / worth))


def _params_filled_by(law: Law, tokens: float) -> float:
    """The size for which so many tokens are compute-optimal."""
    budgets = np.geomspace(law.smallest_budget * 1e-2, law.largest_budget * 1e6, 120)
    band = law.band(budgets.tolist())
    return float(np.exp(np.interp(np.log(tokens), np.log([p.tokens for p in band]), np.log([p.params for p in band]))))


def _surfaces(law: Law, draws: int) -> list[tuple[Form, Floats]]:
    """The surfaces that the loss leans on with parameters (B, P): the most trusted's own for no draws, else draws."""
    if not law.estimators:
        law.predict(law.largest_budget)
    shares = headline.surface_shares(law.estimators)
    if draws == 0:
        state = law.estimators[int(np.argmax(shares))]
        return [(FORMS[state.name], np.array([state.theta]))]
    generator = np.random.default_rng(0)
    total, start, out = law.uncertainty.total, 0, []
    for state, share in zip(law.estimators, shares, strict=True):
        block = slice(start, start + len(state.theta))
        start = block.stop
        count = round(draws * share)
        if count:
            scale = float(interval.student(interval.LEAST_FREEDOM * 2)) / 1.96
            noise = generator.multivariate_normal(np.zeros(len(state.theta)), total[block, block], count, method="svd")
            out.append((FORMS[state.name], np.asarray(state.theta) + scale * noise))
    return out


def _values(law: Law, form: Form, theta: Floats, params: Floats, tokens: Floats) -> Floats:
    """Losses (B, G) of surfaces (B, P) at models (G,)."""
    flops = tokens * law.cost.flops_per_token(params)
    return form.value(theta, law.origin.design(params, tokens, flops))


def _optimise(
    law: Law, objective: Callable[[Form, Floats, Floats], Floats], centre: float, upwards: float = 4.0
) -> tuple[float, float, Interval, Interval]:
    """Least objective (B, G) over sizes around `centre`: size and value of the trusted surface, and of draws."""
    log_n = np.log(centre) + np.linspace(-6, upwards, GRID)

    def lowest(form: Form, theta: Floats) -> tuple[Floats, Floats]:
        values = objective(form, theta, np.exp(log_n))
        at = np.clip(np.argmin(values, axis=1), 1, GRID - 2)
        rows = np.arange(len(values))
        before, here, after = (values[rows, at + shift] for shift in (-1, 0, 1))
        bend = before - 2 * here + after
        shift = np.where(bend > 0, 0.5 * (before - after) / np.where(bend > 0, bend, 1), 0)
        best = log_n[at] + np.clip(shift, -1, 1) * (log_n[1] - log_n[0])
        return best, here - 0.25 * (before - after) * np.clip(shift, -1, 1)

    with np.errstate(over="ignore", invalid="ignore"):
        best, value = lowest(*_surfaces(law, 0)[0])
        drawn = [lowest(form, theta) for form, theta in _surfaces(law, DRAWS)]
    if not np.isfinite(value[0]):
        raise LawError("the question has no answer within reach of the law")
    sizes, values = (np.concatenate(part) for part in zip(*drawn, strict=True))
    bounds = [np.percentile(part[np.isfinite(values)], [2.5, 97.5]) for part in (np.exp(sizes), values)]
    size, result = float(np.exp(best[0])), float(value[0])
    intervals = [
        Interval(float(min(low, own)), float(max(high, own)))
        for (low, high), own in zip(bounds, (size, result), strict=True)
    ]
    return size, result, intervals[0], intervals[1]


def _tokens_for_loss(law: Law, form: Form, theta: Floats, params: Floats, goal: Floats) -> Floats:
    """Tokens (B, G) with which models (G,) reach a loss (B, 1), by bisection; infinite where they never do."""
    shape = (len(theta), len(params))
    low, high = np.full(shape, np.log(1.0)), np.full(shape, np.log(1e18))

    def loss(log_d: Floats) -> Floats:
        n = np.broadcast_to(params, shape).ravel()
        d = np.exp(log_d).ravel()
        at = law.origin.design(n, d, d * law.cost.flops_per_token(n))
        split = type(at)(at.x[:, None], at.y[:, None], at.c[:, None])
        return form.value(np.repeat(theta, len(params), axis=0), split).reshape(shape)

    with np.errstate(over="ignore", invalid="ignore"):
        reachable = loss(high) <= goal
        for _ in range(50):
            middle = 0.5 * (low + high)
            enough = loss(middle) <= goal
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(reachable, np.exp(high), np.inf)
