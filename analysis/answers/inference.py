"""The cheapest model when inference follows the training (Sardana et al. 2023).

Solved along the tokens D: for each, the smallest size that reaches the loss; sizes and tokens that do not reach it drop
out. Where much inference follows, the size hardly changes with D, while D changes without bounds with the size. Shape
legend: B draws, G candidates for D.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.answers.bounds import check_positive, lost_warnings, of_draws, of_scaled, of_sum
from analysis.answers.draws import drawn_surfaces, surface
from analysis.answers.questions import Answer, distance_warnings
from analysis.answers.split import Surfaces
from analysis.fitting.confidence import place_warnings
from analysis.law import Law
from analysis.limits import LEAST_COUNT, MOST_LOST, check_size, rounded_down
from analysis.records import Interval, OutOfReachError, Prediction
from analysis.scatter import one_run_interval
from analysis.wording import budget_place, format_count, format_flops

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

INFERENCE_SHARE = 1 / 3
"""Forward FLOPs of the training FLOPs of a token: 2 N of 6 N (Sardana et al. 2023, equation 2)."""
FEWER_TOKENS, MORE_TOKENS = 2.0, 9.0
"""How far from D* the tokens are looked for, in ln D: from a seventh to 8,000 times."""
SMALLER, LARGER = 7.0, 4.0
"""How far from N* the sizes are looked for, in ln N: from a thousandth to fifty times."""
D_STEP, N_STEP = 0.1, 0.25
"""Of the first look, in ln D and ln N."""
MOST_INFERENCE = 1e4
"""Tokens of inference a token of training up to which the best size is given: with more it is the smallest that ever
reaches the loss, about which the runs, all near their optimum, say least."""
COARSE, EXACT = 12, 40
"""Halvings of the step in ln N: of the first look, and after which a size is exact."""
ZOOMS = 2
"""Looks at ten times as many candidates about the best one."""


@dataclass(frozen=True)
class _Cheapest:
    """The cheapest models of B surfaces, not a number where a surface has none, shape (B,) each."""

    log_params: Floats
    """ln N."""
    log_tokens: Floats
    """ln D."""


def cheapest_with_inference(law: Law, flops: float, inference_tokens: float) -> Answer:
    """The cheapest model, training and inference together, of the loss that is compute-optimal at a budget.

    Sardana et al. 2023, equation 2: least F(N) D + F(N)/3 · T subject to L(N, D) = L*(C), T the `inference_tokens`.
    What inference changes in N and D in the law's valley is added to the headline's. Raises LawError where no law
    could be fitted, OutOfReachError where the best model lies beyond what the law can tell, QuestionError for values
    that are not positive.
    """
    check_positive(flops=flops, inference_tokens=inference_tokens)
    target = law.predict(flops)
    own = _Table.of(Surfaces(law, *surface(law, 0)), target)
    drawn = _Table.of(Surfaces(law, *drawn_surfaces(law)), target)
    problem = _problem(law, target, own, drawn, inference_tokens)
    if problem:
        raise _refusal(law, target, own, drawn, inference_tokens, problem)
    return _answer(law, target, inference_tokens, own.moved(inference_tokens), drawn.moved(inference_tokens))


def _answer(law: Law, target: Prediction, inference_tokens: float, own: _Cheapest, drawn: _Cheapest) -> Answer:
    smaller, longer = float(own.log_params[0]), float(own.log_tokens[0])
    n, n_bounds = of_scaled(target, smaller, of_draws(smaller, drawn.log_params))
    log_d = float(np.log(target.tokens))
    ends = Interval(float(np.log(target.tokens_interval.low)), float(np.log(target.tokens_interval.high)))
    d_bounds = of_sum(log_d + longer, log_d, ends, longer, of_draws(longer, drawn.log_tokens))
    d, per_token = float(np.exp(log_d + longer)), float(law.cost.flops_per_token(n))
    training = per_token * d
    total = training + INFERENCE_SHARE * inference_tokens * per_token
    plain = target.flops + INFERENCE_SHARE * inference_tokens * float(law.cost.flops_per_token(target.params))
    place = budget_place(training, law.smallest_budget, law.largest_budget)
    return Answer(
        question="cheapest_with_inference",
        params=n,
        tokens=d,
        flops=training,
        loss=target.loss,
        params_interval=n_bounds,
        tokens_interval=Interval(max(float(np.exp(d_bounds.low)), LEAST_COUNT), float(np.exp(d_bounds.high))),
        loss_interval=target.loss_interval,
        run_interval=one_run_interval(target.loss, target.loss_interval, law.one_run(training, n), law.worst_loss),
        extrapolation=training / law.largest_budget,
        place=place,
        details={
            "inference_tokens": float(inference_tokens),
            "total_flops": total,
            "total_flops_of_compute_optimal": plain,
            "saving": max(1 - total / plain, 0.0),
        },
        warnings=(
            *distance_warnings(law, n / target.params),
            *lost_warnings(drawn.log_params, "no size is the cheapest of this loss"),
            *place_warnings(place, law.outside(training)),
        ),
    )


def _problem(law: Law, target: Prediction, own: _Table, drawn: _Table, inference_tokens: float) -> str:
    """Why the law cannot tell the cheapest model, empty where it can."""
    if own.lost(inference_tokens) > 0 or drawn.lost(inference_tokens) > MOST_LOST:
        return "no size that reaches the loss is the cheapest"
    moved = own.moved(inference_tokens)
    n, d = (
        centre * float(np.exp(shift[0]))
        for centre, shift in ((target.params, moved.log_params), (target.tokens, moved.log_tokens))
    )
    if inference_tokens > MOST_INFERENCE * d:
        return f"inference outweighs the {format_count(d)} tokens of training beyond what the law can tell"
    training = float(law.cost.flops_per_token(n)) * d
    try:
        check_size(training, n, law.predict(training).params)
    except OutOfReachError:
        return (
            f"the cheapest model would have {format_count(n)} parameters and need {format_flops(training)} FLOPs of "
            "training, which is further than the law can tell"
        )
    return ""


def _refusal(law: Law, target: Prediction, own: _Table, drawn: _Table, asked: float, why: str) -> OutOfReachError:
    """Why there is no answer, and the most tokens of inference that can be asked about."""
    said = f"with {format_count(asked)} tokens of inference after {format_flops(target.flops)} FLOPs {why}"
    low, high = float(np.log(target.tokens)) - 20, float(np.log(asked))
    if low >= high or _problem(law, target, own, drawn, float(np.exp(low))):
        return OutOfReachError(f"{said}. Ask about another budget", "inference_tokens")
    while high - low > 0.02:
        middle = (low + high) / 2
        bad = _problem(law, target, own, drawn, float(np.exp(middle)))
        low, high = (low, middle) if bad else (middle, high)
    most = rounded_down(float(np.exp(low)), 2)
    return OutOfReachError(f"{said}. Ask about {format_count(most)} tokens or fewer", "inference_tokens", None, most)


@dataclass(frozen=True)
class _Table:
    """The smallest sizes with which B surfaces reach the loss that each gives the target, by tokens."""

    surfaces: Surfaces
    """The surfaces."""
    goal: Floats
    """The loss, shape (B, 1)."""
    around: float
    """ln N of the target."""
    log_d: Floats
    """ln D of the first look, shape (B, G)."""
    log_n: Floats
    """ln N there, shape (B, G); not a number where no size reaches the loss."""

    @classmethod
    def of(cls, drawn: Surfaces, target: Prediction) -> _Table:
        """A first look."""
        with np.errstate(all="ignore"):
            return cls._look(drawn, target)

    @classmethod
    def _look(cls, drawn: Surfaces, target: Prediction) -> _Table:
        log_n, log_d = float(np.log(target.params)), float(np.log(target.tokens))
        goal = drawn.loss(np.array([[log_n]]), np.array([[log_d]]))
        steps = np.arange(log_d - FEWER_TOKENS, log_d + MORE_TOKENS + D_STEP / 2, D_STEP)
        grid = np.repeat(steps[None], len(drawn.theta), axis=0)
        return cls(drawn, goal, log_n, grid, _sizes(drawn, goal, grid, log_n, COARSE))

    def lost(self, inference_tokens: float) -> float:
        """Share of the surfaces on which no size is the cheapest."""
        with np.errstate(all="ignore"):
            return float(self.best(inference_tokens)[1].mean())

    def moved(self, inference_tokens: float) -> _Cheapest:
        """How far inference moves the cheapest models, in ln N and ln D."""
        with np.errstate(all="ignore"):
            served, free = self.cheapest(inference_tokens), self.cheapest(0.0)
        return _Cheapest(served.log_params - free.log_params, served.log_tokens - free.log_tokens)

    def best(self, inference_tokens: float) -> tuple[Rows, NDArray[np.bool_]]:
        """Which tokens of the first look are cheapest (B,), and where none are known to be (B,).

        The last of them is not a minimum: beyond them it might be cheaper still.
        """
        cost = self.cost(self.log_n, self.log_d, inference_tokens)
        best = np.argmin(cost, axis=1)
        return best, ~np.isfinite(cost).any(axis=1) | (best == self.log_d.shape[1] - 1)

    def cost(self, log_n: Floats, log_d: Floats, inference_tokens: float) -> Floats:
        """ln of training and inference together (B, G), infinite where the loss is not reached."""
        log_t = np.log(INFERENCE_SHARE * inference_tokens) if inference_tokens else -np.inf
        cost = log_n + self.surfaces.law.cost.log_k(log_n) + np.logaddexp(log_d, log_t)
        return np.where(np.isfinite(cost), cost, np.inf)

    def cheapest(self, inference_tokens: float) -> _Cheapest:
        """The cheapest models."""
        best, lost = self.best(inference_tokens)
        rows, spacing = np.arange(len(best)), D_STEP
        log_n, log_d = self.log_n[rows, best], self.log_d[rows, best]
        for _ in range(ZOOMS):
            grid = log_d[:, None] + spacing * np.linspace(-1, 1, 21)[None]
            sizes = _sizes(self.surfaces, self.goal, grid, self.around, EXACT)
            at = np.argmin(self.cost(sizes, grid, inference_tokens), axis=1)
            log_n, log_d, spacing = sizes[rows, at], grid[rows, at], spacing / 10
        return _Cheapest(np.where(lost, np.nan, log_n), np.where(lost, np.nan, log_d))


def _sizes(drawn: Surfaces, goal: Floats, log_d: Floats, around: float, halvings: int) -> Floats:
    """ln of the smallest sizes (B, G) that reach the goal (B, 1) with ln D (B, G); not a number where none does."""
    low = np.full(log_d.shape, np.nan)
    before = drawn.loss(np.full_like(log_d, around - SMALLER), log_d)
    for size in np.arange(around - SMALLER, around + LARGER, N_STEP):
        after = drawn.loss(np.full_like(log_d, size + N_STEP), log_d)
        low = np.where(np.isnan(low) & (before > goal) & (after <= goal), size, low)
        before = after
    high = low + N_STEP
    for _ in range(halvings):
        middle = (low + high) / 2
        reached = drawn.loss(middle, log_d) <= goal
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.asarray(high)
