"""Questions beyond the compute-optimal model: a size that is given, and the tokens with which one reaches a loss.

Every answer is anchored at the headline, N*(C) and L*(C), and adds what the law's valley says that the constraint
changes; without effect of the constraint, the answer is the headline's. Its interval holds the headline's and that of
draws of the valley, added in squares. Shape legend: B draws, G candidate sizes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analysis.answers.bounds import check_positive, lost_warnings, of_counts, of_draws, of_sum
from analysis.answers.draws import losses, sample, tokens_for_loss
from analysis.fitting.confidence import place_warnings
from analysis.fitting.valley.form import ValleyForm
from analysis.law import Law
from analysis.limits import (
    FURTHEST_SIZE,
    LEAST_COUNT,
    MOST_LOST,
    check_size,
    possible_loss,
    rounded_down,
    rounded_up,
)
from analysis.records import BuildableShape, Interval, OutOfReachError, Prediction
from analysis.scatter import one_run_interval
from analysis.wording import budget_place, format_count, format_factor

Floats = NDArray[np.float64]

LEAST_COMPUTE = 1e-6
"""Share of a budget down to which the compute that the optimum needs for a loss is looked for."""


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
    """Interval of the loss, the mean of many runs."""
    run_interval: Interval | None
    """Interval of the loss of one run of this model; None where the scatter of runs is not known."""
    extrapolation: float
    """Training FLOPs over the largest fitted budget."""
    place: str
    """Where they lie in relation to the budgets that were run, in words."""
    details: dict[str, float] = field(default_factory=dict)
    """Figures of this question by name, such as `epochs`."""
    warnings: tuple[str, ...] = ()
    """Plain sentences."""
    shape: BuildableShape | None = None
    """Nearest buildable shape of the recipe, filled in by the caller that knows one."""


def given_size(law: Law, flops: float, params: float) -> Answer:
    """What a model of a given size reaches with a budget, and what its distance from the optimum costs.

    Raises LawError where no law could be fitted, OutOfReachError for a size too far from the optimum to tell its loss,
    QuestionError for values that are not positive.
    """
    check_positive(flops=flops, params=params)
    optimum = law.predict(flops)
    check_size(flops, params, optimum.params)
    tokens = float(law.cost.tokens(flops, params))
    own, bounds = _excess(law, optimum, params, tokens)
    cost_low = max(bounds.low, 0.0)
    loss = optimum.loss + own
    ends = of_sum(loss, optimum.loss, optimum.loss_interval, own, bounds)
    ends = possible_loss(loss, ends, law.worst_loss, f"Ask for a size nearer to {format_count(optimum.params)}")
    enough = _compute_of_loss(law, flops, optimum.loss + np.array([own, cost_low, bounds.high]))
    return Answer(
        question="given_size",
        params=params,
        tokens=tokens,
        flops=flops,
        loss=loss,
        params_interval=Interval(params, params),
        tokens_interval=Interval(tokens, tokens),
        loss_interval=ends,
        run_interval=one_run_interval(loss, ends, law.one_run(flops, params), law.worst_loss),
        extrapolation=optimum.extrapolation,
        place=optimum.place,
        details={
            "times_too_large": params / optimum.params,
            "times_too_small": optimum.params / params,
            "excess_loss": own,
            "excess_loss_low": cost_low,
            "excess_loss_high": bounds.high,
            "compute_for_same_loss": float(enough[0]),
            "wasted_compute": 1 - float(enough[0]) / flops,
            "wasted_compute_low": 1 - float(enough[1]) / flops,
            "wasted_compute_high": 1 - float(enough[2]) / flops,
        },
        warnings=(
            *distance_warnings(law, params / optimum.params),
            *place_warnings(optimum.place, law.outside(flops)),
        ),
    )


def _excess(law: Law, optimum: Prediction, params: float, tokens: float) -> tuple[float, Interval]:
    """The loss that a model costs over the optimum, never below zero, and its interval.

    The interval may begin below zero: on a draw of the valley the model may do better than N*, the optimum of no draw.
    """

    def excess(form: ValleyForm, theta: Floats) -> tuple[Floats, ...]:
        models, data = np.array([optimum.params, params]), np.array([optimum.tokens, tokens])
        return (np.diff(losses(law, form, theta, models, data))[:, 0],)

    ((own, drawn),) = sample(law, excess)
    own = max(own, 0.0)
    return own, of_draws(own, drawn)


def too_small(law: Law, flops: float, times: float) -> Answer:
    """What a model costs that is smaller than the optimum by the factor `times`: `given_size` of N* ÷ `times`.

    Raises as `given_size` does.
    """
    check_positive(times_too_small=times)
    optimum = law.predict(flops).params
    if not 1 / FURTHEST_SIZE <= times <= FURTHEST_SIZE:
        low, high = 1 / FURTHEST_SIZE, FURTHEST_SIZE
        factor = format_factor(times).removeprefix("×")
        raise OutOfReachError(
            f"a size {factor} times too small is so far from the compute-optimal one, {format_count(optimum)}, that "
            f"the law cannot tell a loss. Ask about {low:g} to {high:g} times",
            "times_too_small",
            low,
            high,
        )
    return given_size(law, flops, optimum / times)


def tokens_to_reach(law: Law, loss: float, params: float) -> Answer:
    """The tokens with which a model of N parameters reaches a loss, optimal or not.

    Raises LawError where no law could be fitted, OutOfReachError where the loss is out of reach of the law or of that
    size, QuestionError for values that are not positive.
    """
    check_positive(loss=loss, params=params)
    flops, range_ = law.compute_for_loss(loss)
    optimum = law.predict(flops)

    own, drawn = _log_tokens(law, optimum, np.array([params]))
    if not _is_known(law, optimum, np.array([params]), own, drawn)[0]:
        raise _not_reached(law, optimum, loss, params)
    log_d = float(own[0])
    training = float(np.exp(log_d)) * float(law.cost.flops_per_token(params))
    ends = Interval(*(float(np.log(end / flops)) for end in (range_.low, range_.high)))
    place = budget_place(training, law.smallest_budget, law.largest_budget)
    return Answer(
        question="tokens_for_loss",
        params=params,
        tokens=float(np.exp(log_d)),
        flops=training,
        loss=loss,
        params_interval=Interval(params, params),
        tokens_interval=of_counts(of_sum(log_d, 0.0, ends, log_d, of_draws(log_d, drawn[:, 0]))),
        loss_interval=optimum.loss_interval,
        run_interval=one_run_interval(loss, optimum.loss_interval, law.one_run(training, params), law.worst_loss),
        extrapolation=training / law.largest_budget,
        place=place,
        details={"compute_of_optimum": flops, "times_the_compute": training / flops},
        warnings=(
            *distance_warnings(law, params / law.predict(training).params),
            *lost_warnings(drawn, "this size does not reach the loss with any data"),
            *place_warnings(place, law.outside(training)),
        ),
    )


def _log_tokens(law: Law, optimum: Prediction, sizes: Floats) -> tuple[Floats, Floats]:
    """ln D with which sizes (G,) reach an optimum's loss, infinite where they do not: (G,), and of draws (B, G)."""

    def reach(form: ValleyForm, theta: Floats) -> tuple[Floats, ...]:
        goal = losses(law, form, theta, np.array([optimum.params]), np.array([optimum.tokens]))
        return tuple(np.log(tokens_for_loss(law, form, theta, sizes, goal, optimum.tokens)).T)

    found = sample(law, reach)
    return np.array([own for own, _ in found]), np.stack([drawn for _, drawn in found], axis=1)


def _is_known(law: Law, optimum: Prediction, sizes: Floats, log_d: Floats, drawn: Floats) -> NDArray[np.bool_]:
    """Of which sizes (G,) the law can tell the tokens ln D (G,), drawn (B, G)."""
    known = np.isfinite(log_d) & (log_d >= np.log(LEAST_COUNT)) & (sizes >= LEAST_COUNT)
    known &= (~np.isfinite(drawn)).mean(axis=0) <= MOST_LOST
    log_c = np.where(known, log_d, np.log(optimum.tokens)) + np.log(law.cost.flops_per_token(sizes))
    known &= (log_c >= np.log(law.limits.lowest)) & (log_c <= np.log(law.limits.highest))
    best = law.combined(np.where(known, np.exp(np.where(known, log_c, 0)), optimum.flops)).log_params
    return np.asarray(known & (np.abs(np.log(sizes) - best) <= np.log(FURTHEST_SIZE)))


def _not_reached(law: Law, optimum: Prediction, loss: float, params: float) -> OutOfReachError:
    """The refusal of a size whose tokens for a loss cannot be known, with those whose tokens can."""
    sizes = optimum.params * np.geomspace(1 / FURTHEST_SIZE, FURTHEST_SIZE, 121)
    known = sizes[_is_known(law, optimum, sizes, *_log_tokens(law, optimum, sizes))]
    why = (
        f"a model of {format_count(params)} parameters does not reach a loss of {loss:.4g} with any number of tokens "
        "that the law can tell"
    )
    if len(known) == 0:
        return OutOfReachError(f"{why}. Ask for another loss", "params")
    low, high = rounded_up(float(known.min())), rounded_down(float(known.max()))
    instead = f"Ask for a size from {format_count(low)} to {format_count(high)}"
    return OutOfReachError(f"{why}. {instead}", "params", low, high)


def distance_warnings(law: Law, ratio: float) -> tuple[str, ...]:
    """A warning where N over N*(C), `ratio`, lies outside those of the runs."""
    curves = [curve for curve in law.curves if curve.flops in law.limits]
    if not curves:
        return ()
    band = law.band([curve.flops for curve in curves])
    low = min(min(curve.params) / answer.params for curve, answer in zip(curves, band, strict=True))
    high = max(max(curve.params) / answer.params for curve, answer in zip(curves, band, strict=True))
    if low / 1.05 <= ratio <= high * 1.05:
        return ()
    span = f"the runs lie between {format_factor(low)} and {format_factor(high)} of it"
    return (f"N is {format_factor(ratio)} the compute-optimal size, further than any run: {span}.",)


def _compute_of_loss(law: Law, flops: float, reached: Floats) -> Floats:
    """Compute, up to `flops`, with which compute-optimal training reaches each loss; at least a millionth of it."""
    budgets = np.geomspace(flops * LEAST_COMPUTE, flops, 121)
    frontier = np.minimum.accumulate(law.combined(budgets).loss)
    return np.asarray(np.exp(np.interp(-reached, -frontier, np.log(budgets))))
