"""Questions beyond the compute-optimal model: a size that is given, limited data, inference to come, a loss to reach.

Every answer is anchored at the headline, N*(C) and L*(C), and adds what the law's surfaces say that the constraint
changes; without effect of the constraint, the answer is the headline's. Its interval holds the headline's and that of
draws of the surfaces, added in squares. Shape legend: B draws, G candidate sizes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analysis.answers.bounds import check_positive, of_draws, of_scaled, of_sum
from analysis.answers.draws import losses, lowest, sample, tokens_for_loss
from analysis.fitting.confidence import extrapolation_sentences
from analysis.fitting.forms import Form
from analysis.law import Law
from analysis.records import BuildableShape, Interval, LawError

Floats = NDArray[np.float64]

INFERENCE_SHARE = 1 / 3
"""Forward FLOPs of the training FLOPs of a token: 2 N of 6 N (Sardana et al. 2023, equation 2)."""


@dataclass(frozen=True)
class Answer:
    """The model that answers a question."""

    question: str
    """optimum_with_limited_data | cheapest_with_inference | given_size | tokens_for_loss."""
    params: float
    """N."""
    tokens: float
    """Training tokens D = C / F(N), repetitions included."""
    flops: float
    """Training FLOPs C."""
    loss: float
    """Loss reached."""
    params_interval: Interval
    """Interval of N."""
    tokens_interval: Interval
    """Interval of D."""
    loss_interval: Interval
    """Interval of the loss."""
    extrapolation: float
    """Training FLOPs over the largest fitted budget."""
    details: dict[str, float] = field(default_factory=dict)
    """Figures of this question by name, such as `epochs`."""
    warnings: tuple[str, ...] = ()
    """Plain sentences."""
    shape: BuildableShape | None = None
    """Nearest buildable shape of the recipe, filled in by the caller that knows one."""


def given_size(law: Law, flops: float, params: float) -> Answer:
    """What a model of a given size reaches with a budget, and what its distance from the optimum costs.

    Raises LawError where no law could be fitted, QuestionError for values that are not positive.
    """
    check_positive(flops=flops, params=params)
    optimum = law.predict(flops)
    tokens = float(law.cost.tokens(flops, params))

    def excess(form: Form, theta: Floats) -> tuple[Floats, ...]:
        models, data = np.array([optimum.params, params]), np.array([optimum.tokens, tokens])
        return (np.diff(losses(law, form, theta, models, data))[:, 0],)

    ((own, drawn),) = sample(law, excess)
    bounds = of_draws(own, drawn)
    loss = optimum.loss + own
    enough = _compute_of_loss(law, flops, np.array([loss, optimum.loss + bounds.low, optimum.loss + bounds.high]))
    return Answer(
        question="given_size",
        params=params,
        tokens=tokens,
        flops=flops,
        loss=loss,
        params_interval=Interval(params, params),
        tokens_interval=Interval(tokens, tokens),
        loss_interval=of_sum(loss, optimum.loss, optimum.loss_interval, own, bounds),
        extrapolation=flops / law.largest_budget,
        details={
            "times_too_large": params / optimum.params,
            "times_too_small": optimum.params / params,
            "excess_loss": own,
            "excess_loss_low": bounds.low,
            "excess_loss_high": bounds.high,
            "compute_for_same_loss": float(enough[0]),
            "wasted_compute": 1 - float(enough[0]) / flops,
            "wasted_compute_low": 1 - float(enough[1]) / flops,
            "wasted_compute_high": 1 - float(enough[2]) / flops,
        },
        warnings=(
            *_distance_warnings(law, params / optimum.params),
            *extrapolation_sentences(flops / law.largest_budget),
        ),
    )


def too_small(law: Law, flops: float, times: float) -> Answer:
    """What a model costs that is smaller than the optimum by the factor `times`: `given_size` of N* ÷ `times`.

    Raises as `given_size` does.
    """
    check_positive(times_too_small=times)
    return given_size(law, flops, law.predict(flops).params / times)


def cheapest_with_inference(law: Law, flops: float, inference_tokens: float) -> Answer:
    """The cheapest model, training and inference together, of the loss that is compute-optimal at a budget.

    Sardana et al. 2023, equation 2: least F(N) D + F(N)/3 · T subject to L(N, D) = L*(C), T the `inference_tokens`.
    Raises LawError where no law could be fitted, QuestionError for values that are not positive.
    """
    check_positive(flops=flops, inference_tokens=inference_tokens)
    target = law.predict(flops)
    log_n = np.log(target.params) + np.linspace(-5, 1.5, 131)
    sizes, cost = np.exp(log_n), law.cost.flops_per_token(np.exp(log_n))

    def reach(form: Form, theta: Floats, params: Floats) -> Floats:
        goal = losses(law, form, theta, np.array([target.params]), np.array([target.tokens]))
        return tokens_for_loss(law, form, theta, params, goal, target.tokens)

    def shift(form: Form, theta: Floats) -> tuple[Floats, ...]:
        tokens = reach(form, theta, sizes)
        free = lowest(log_n, cost * tokens)
        served = lowest(log_n, cost * (tokens + INFERENCE_SHARE * inference_tokens))
        return (served[0] - free[0],)

    ((smaller, drawn),) = sample(law, shift)
    n, n_bounds = of_scaled(target, smaller, of_draws(smaller, drawn))
    models = np.array([n, n_bounds.low, n_bounds.high])
    (d, _), (most, _), (least, _) = sample(law, lambda form, theta: tuple(reach(form, theta, models).T))
    training = float(law.cost.flops_per_token(n)) * d
    total = training + INFERENCE_SHARE * inference_tokens * float(law.cost.flops_per_token(n))
    plain = flops + INFERENCE_SHARE * inference_tokens * float(law.cost.flops_per_token(target.params))
    return Answer(
        question="cheapest_with_inference",
        params=n,
        tokens=d,
        flops=training,
        loss=target.loss,
        params_interval=n_bounds,
        tokens_interval=Interval(min(least, d), max(most, d)),
        loss_interval=target.loss_interval,
        extrapolation=training / law.largest_budget,
        details={
            "inference_tokens": float(inference_tokens),
            "total_flops": total,
            "total_flops_of_compute_optimal": plain,
            "saving": max(1 - total / plain, 0.0),
        },
        warnings=(*_distance_warnings(law, n / target.params), *extrapolation_sentences(training / law.largest_budget)),
    )


def tokens_to_reach(law: Law, loss: float, params: float) -> Answer:
    """The tokens with which a model of N parameters reaches a loss, optimal or not.

    Raises LawError where the loss is out of reach of the law or of that size, QuestionError for values that are not
    positive.
    """
    check_positive(loss=loss, params=params)
    flops, range_ = law.compute_for_loss(loss)
    optimum = law.predict(flops)

    def reach(form: Form, theta: Floats) -> tuple[Floats, ...]:
        goal = losses(law, form, theta, np.array([optimum.params]), np.array([optimum.tokens]))
        return (np.log(tokens_for_loss(law, form, theta, np.array([params]), goal, optimum.tokens)[:, 0]),)

    ((log_d, drawn),) = sample(law, reach)
    if not np.isfinite(log_d):
        raise LawError(f"a model of {params:.3g} parameters does not reach a loss of {loss:.4g} with any data")
    tokens = float(np.exp(log_d))
    training = tokens * float(law.cost.flops_per_token(params))
    with np.errstate(divide="ignore"):
        ends = Interval(*np.log([range_.low / flops, range_.high / flops]))
    bounds = of_sum(log_d, 0.0, ends, log_d, of_draws(log_d, drawn))
    return Answer(
        question="tokens_for_loss",
        params=params,
        tokens=tokens,
        flops=training,
        loss=loss,
        params_interval=Interval(params, params),
        tokens_interval=Interval(float(np.exp(bounds.low)), float(np.exp(bounds.high))),
        loss_interval=optimum.loss_interval,
        extrapolation=training / law.largest_budget,
        details={"compute_of_optimum": flops, "times_the_compute": training / flops},
        warnings=(
            *_distance_warnings(law, params / law.predict(training).params),
            *extrapolation_sentences(training / law.largest_budget),
        ),
    )


def _distance_warnings(law: Law, ratio: float) -> tuple[str, ...]:
    """A warning where N over N*(C), `ratio`, lies outside those of the runs."""
    band = law.band([curve.flops for curve in law.curves])
    low = min(min(curve.params) / answer.params for curve, answer in zip(law.curves, band, strict=True))
    high = max(max(curve.params) / answer.params for curve, answer in zip(law.curves, band, strict=True))
    if low / 1.05 <= ratio <= high * 1.05:
        return ()
    span = f"the runs lie between ×{low:.2g} and ×{high:.2g} of it"
    return (f"N is ×{ratio:.2g} the compute-optimal size, further than any run: {span}.",)


def _compute_of_loss(law: Law, flops: float, reached: Floats) -> Floats:
    """Compute, up to `flops`, with which compute-optimal training reaches each loss; at least a millionth of it."""
    budgets = np.geomspace(flops * 1e-6, flops, 121)
    frontier = np.minimum.accumulate([prediction.loss for prediction in law.band(budgets.tolist())])
    return np.asarray(np.exp(np.interp(-reached, -frontier, np.log(budgets))))
