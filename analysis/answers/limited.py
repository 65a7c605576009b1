"""The best model for a budget when only so many different tokens exist."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.answers.bounds import check_positive, lost_warnings, of_draws, of_scaled, of_sum, of_tokens
from analysis.answers.draws import drawn_surfaces, surface
from analysis.answers.questions import Answer
from analysis.answers.split import Limit, Surfaces
from analysis.answers.worth import drawn_worth, own_or_published, worth_sentence
from analysis.fitting.confidence import place_warnings
from analysis.fitting.repetition.published import MOST_EPOCHS, Worth
from analysis.law import Law
from analysis.limits import LEAST_COUNT, MOST_LOST, rounded_up
from analysis.records import Interval, OutOfReachError, Prediction
from analysis.scatter import one_run_interval
from analysis.table.repeats import FRESH
from analysis.wording import format_count, format_flops, format_loss

Floats = NDArray[np.float64]

EXACT = 50
"""Halvings of a range of ln C after which a budget is exact."""
RANGE, SIZE_STEP = 6.0, 0.01
"""How far from N*, in ln N, the largest size that does not overfit is looked for, and in which steps."""
PLENTY = 1e3
"""Times the tokens of the optimum that are enough for any draw of a law's valley."""


@dataclass(frozen=True)
class _Limited:
    """The best models of B surfaces with a limit, (B,) each; not a number where a surface has none."""

    log_factor: Floats
    """ln of N with the limit over N without."""
    loss: Floats
    """Loss."""

    @property
    def known(self) -> float:
        """Share of the surfaces with an answer."""
        return float((np.isfinite(self.log_factor) & np.isfinite(self.loss)).mean())


@dataclass(frozen=True)
class _Point:
    """The answer without its interval."""

    own: _Limited
    """On the law's own valley, repetition at its most likely worth."""
    anchor: Prediction
    """The optimum without a limit that has this loss, or that of the smallest budget where this loss is higher."""
    cost: float
    """Loss beyond the anchor's."""
    params: float
    """N."""

    @property
    def loss(self) -> float:
        """The anchor's loss and the cost."""
        return self.anchor.loss + self.cost


def best_with_limited_data(law: Law, flops: float, unique_tokens: float) -> Answer:
    """The best model for a budget when there are only `unique_tokens` different tokens, repetition at its worth.

    Solved on the law's own surface, and on each draw of its surfaces with a draw of what repetition is worth. N is
    anchored at N*(C); the loss where compute-optimal training without a limit reaches it, so that it falls with the
    budget and with the limit as the law does. Raises LawError where no law could be fitted, OutOfReachError where it
    has no answer for so few tokens, QuestionError for values that are not positive.
    """
    check_positive(flops=flops, unique_tokens=unique_tokens)
    centre = law.predict(flops)
    point = _point(law, centre, unique_tokens)
    draws = _draws(law, centre, unique_tokens, point)
    if not _is_known(law, point) or draws.known < 1 - MOST_LOST:
        raise _refusal(law, centre, unique_tokens, point)
    factor = float(point.own.log_factor[0])
    n, bounds = of_scaled(centre, factor, of_draws(factor, draws.log_factor))
    d = float(law.cost.tokens(flops, n))
    anchor, cost = point.anchor, point.cost
    ends = of_sum(point.loss, anchor.loss, anchor.loss_interval, cost, of_draws(cost, draws.loss))
    ends = Interval(max(ends.low, 0.0), max(min(ends.high, law.worst_loss), point.loss))
    epochs, single = float(d / unique_tokens), law.one_run(flops, n)
    if single is not None and factor:
        # What repetition costs is not known any better at a budget that was run.
        single = replace(single, known=False)
    return Answer(
        question="optimum_with_limited_data",
        params=n,
        tokens=d,
        flops=flops,
        loss=point.loss,
        params_interval=bounds,
        tokens_interval=of_tokens(law, flops, bounds),
        loss_interval=ends,
        run_interval=one_run_interval(point.loss, ends, single, law.worst_loss),
        extrapolation=centre.extrapolation,
        place=centre.place,
        details={"epochs": epochs, "unique_tokens": float(unique_tokens), "loss_without_limit": centre.loss},
        warnings=(
            *_epoch_warnings(law, n, d, unique_tokens),
            *lost_warnings(draws.log_factor, "so few tokens have no best size"),
            *place_warnings(centre.place, law.outside(flops)),
        ),
    )


def _point(law: Law, centre: Prediction, unique: float) -> _Point:
    """The answer on the law's own valley."""
    with np.errstate(all="ignore"):
        trusted = Surfaces(law, *surface(law, 0))
        own = _limited(trusted, centre, unique, own_or_published(law))
        log_anchor = _same_loss(trusted, float(own.loss[0]), min(law.smallest_budget, centre.flops), centre.flops)
        anchor = centre if log_anchor is None else law.predict(float(np.exp(log_anchor)))
        cost = float(own.loss[0] - trusted.free(float(np.log(anchor.flops))).loss[0, 0])
    return _Point(own, anchor, cost, centre.params * float(np.exp(own.log_factor[0])))


def _same_loss(trusted: Surfaces, loss: float, lowest: float, highest: float) -> float | None:
    """ln of the budget between two at which the surface's optimum has a loss, the nearer end where neither has it.

    None for the highest: its answer is known.
    """
    low, high = float(np.log(lowest)), float(np.log(highest))
    if not loss > trusted.free(high).loss[0, 0]:
        return None
    if loss >= trusted.free(low).loss[0, 0]:
        return low
    for _ in range(EXACT):
        middle = (low + high) / 2
        low, high = (middle, high) if trusted.free(middle).loss[0, 0] > loss else (low, middle)
    return high


def _draws(law: Law, centre: Prediction, unique: float, point: _Point) -> _Limited:
    """On draws of the surfaces, each with a draw of what repetition is worth; losses beyond each surface's anchor."""
    log_anchor = float(np.log(point.anchor.flops))
    with np.errstate(all="ignore"):
        surfaces = Surfaces(law, *drawn_surfaces(law))
        found = _limited(surfaces, centre, unique, drawn_worth(law, len(surfaces.theta), np.random.default_rng(1)))
        return _Limited(found.log_factor, found.loss - surfaces.free(log_anchor).loss[:, 0])


def _limited(drawn_surfaces: Surfaces, centre: Prediction, unique: float, worth: Worth) -> _Limited:
    """The best model of each surface; its optimum where that has enough tokens."""
    log_c, log_unique, guess = float(np.log(centre.flops)), float(np.log(unique)), float(np.log(centre.params))
    held = _held(drawn_surfaces.law, centre.flops, unique)
    free = drawn_surfaces.free(log_c)
    scarce = drawn_surfaces.tokens(log_c, free.log_params) > log_unique
    if not scarce.any():
        return _Limited(0 * free.log_params[:, 0], free.loss[:, 0])
    filled = drawn_surfaces.filled(log_unique)
    found = drawn_surfaces.limited(log_c, Limit(log_unique, filled, worth, held), guess)
    factor = np.where(scarce, found.log_params - free.log_params, 0 * free.log_params)
    return _Limited(factor[:, 0], np.where(scarce, np.maximum(found.loss, free.loss), free.loss)[:, 0])


def _is_known(law: Law, point: _Point) -> bool:
    """Whether the answer is a model of one parameter at least, its loss above zero and below a uniform guess's."""
    return point.own.known == 1 and point.params >= LEAST_COUNT and 0 < point.loss <= law.worst_loss


def _refusal(law: Law, centre: Prediction, unique: float, point: _Point) -> OutOfReachError:
    """Why there is no answer, and the fewest tokens that can be asked about."""
    tokens = f"{format_count(unique)} unique token{'' if unique == 1 else 's'}"
    why = f"with {tokens} at {format_flops(centre.flops)} FLOPs the law has no best size"
    if point.loss > law.worst_loss:
        why = (
            f"with {tokens} at {format_flops(centre.flops)} FLOPs the law gives a loss of {format_loss(point.loss)}, "
            "worse than a uniform guess over any vocabulary in use"
        )
    low, high = float(np.log(min(1.0, unique))), float(np.log(PLENTY * centre.tokens))
    while high - low > 0.05:
        middle = (low + high) / 2
        there = _point(law, centre, float(np.exp(middle)))
        known = _is_known(law, there) and _draws(law, centre, float(np.exp(middle)), there).known >= 1 - MOST_LOST
        low, high = (low, middle) if known else (middle, high)
    least = rounded_up(float(np.exp(high)), 2)
    return OutOfReachError(f"{why}. Ask about {format_count(least)} tokens or more", "max_tokens", least)


def _epoch_warnings(law: Law, params: float, tokens: float, unique: float) -> Iterator[str]:
    """What repetition is taken to be worth, and whether runs of the law's own speak against it."""
    epochs, worth = tokens / unique, law.worth
    if epochs <= 1:
        return
    yield f"Each token is seen {format_count(epochs)} times; {worth_sentence(law)}"
    if worth is None:
        if epochs > MOST_EPOCHS:
            yield f"Beyond {MOST_EPOCHS} epochs their data showed no return at all."
        return
    if epochs > worth.epochs * FRESH:
        yield f"R*_D was fitted to at most {worth.epochs:.3g} passes: beyond them the loss may rise instead."
    flops, sizes = tokens * law.cost.flops_per_token(params), params * np.array([1 - SIZE_STEP, 1 + 2 * SIZE_STEP])
    itself, larger = worth.overfits(sizes, law.cost.tokens(flops, sizes), unique)
    if itself:
        yield "Runs of yours as large for their unique tokens and with as few passes overfit: so may this one."
    elif larger:
        yield "On so few tokens larger models overfit, as runs of yours did: this is the largest that need not."


def _held(law: Law, flops: float, unique: float) -> Callable[[Floats], Floats]:
    """From ln of sizes to ln of the next smaller ones that do not overfit by the law's own runs, if there are any."""
    worth = law.worth
    if worth is None or not len(worth.worse):
        return np.asarray
    log_n = float(np.log(law.predict(flops).params)) + np.arange(-RANGE, RANGE, SIZE_STEP)
    sizes = np.exp(log_n)
    fine = log_n[~worth.overfits(sizes, law.cost.tokens(flops, sizes), unique)]

    def held(wanted: Floats) -> Floats:
        if not len(fine):
            return wanted
        below = fine[np.maximum(np.searchsorted(fine, wanted, side="right") - 1, 0)]
        return np.where(wanted - below > SIZE_STEP, below, wanted)

    return held
