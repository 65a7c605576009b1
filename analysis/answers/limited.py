"""The best model for a budget when only so many different tokens exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from analysis.answers.bounds import check_positive, of_draws, of_scaled, of_sum, of_tokens
from analysis.answers.draws import DRAWS, surfaces
from analysis.answers.questions import Answer
from analysis.answers.repetition import (
    EXCESS_PARAMETERS_WORTH,
    MOST_EPOCHS,
    PUBLISHED,
    REPEATED_TOKENS_WORTH,
    Worth,
    drawn,
)
from analysis.answers.split import Limit, Surfaces
from analysis.fitting.confidence import extrapolation_sentences
from analysis.law import Law
from analysis.records import Interval, LawError, Prediction
from analysis.wording import format_count, format_flops, format_loss

Floats = NDArray[np.float64]

UNIFORM_GUESS: Mapping[str, float] = MappingProxyType({"bits/byte": 8.0, "nats/token": float(np.log(2**18))})
"""Loss of a uniform guess by unit: over the bytes, and over the largest vocabularies in use. No model is worse."""
FEWEST_DRAWS = 0.5
"""Share of the draws that must have an answer, for an interval."""


@dataclass(frozen=True)
class _Shift:
    """What a limit does to the optimum of B surfaces, (B,) each; not a number where a surface has no answer."""

    log_params: Floats
    """ln of N with the limit over N without."""
    loss: Floats
    """Loss with the limit less that without, never negative."""

    @property
    def known(self) -> float:
        """Share of the surfaces with an answer."""
        return float((np.isfinite(self.log_params) & np.isfinite(self.loss)).mean())


def best_with_limited_data(law: Law, flops: float, unique_tokens: float) -> Answer:
    """The best model for a budget when there are only `unique_tokens` different tokens, repetition at its worth.

    Solved on the law's own surface, and on each draw of its surfaces with a draw of what repetition is worth. Raises
    LawError where no law could be fitted or it has no answer for so few tokens, QuestionError for values that are not
    positive.
    """
    check_positive(flops=flops, unique_tokens=unique_tokens)
    centre = law.predict(flops)
    own = _own(law, centre, unique_tokens)
    draws = _draws(law, centre, unique_tokens)
    if not _possible(law, centre, own) or draws.known < FEWEST_DRAWS:
        raise LawError(_refusal(law, centre, unique_tokens, own))
    cost = float(own.loss[0])
    n, bounds = of_scaled(centre, float(own.log_params[0]), of_draws(float(own.log_params[0]), draws.log_params))
    bounds = Interval(min(max(bounds.low, 1.0), n), bounds.high)
    loss, d = centre.loss + cost, float(law.cost.tokens(flops, n))
    ends = of_sum(loss, centre.loss, centre.loss_interval, cost, of_draws(cost, draws.loss))
    epochs = d / unique_tokens
    return Answer(
        question="optimum_with_limited_data",
        params=n,
        tokens=d,
        flops=flops,
        loss=loss,
        params_interval=bounds,
        tokens_interval=of_tokens(law, flops, bounds),
        loss_interval=Interval(min(max(ends.low, 0.0), loss), ends.high),
        extrapolation=flops / law.largest_budget,
        details={"epochs": epochs, "unique_tokens": float(unique_tokens), "loss_without_limit": centre.loss},
        warnings=(*_epoch_warnings(epochs), *extrapolation_sentences(flops / law.largest_budget)),
    )


def _own(law: Law, centre: Prediction, unique: float) -> _Shift:
    """On the most trusted surface, repetition worth what was published."""
    with np.errstate(all="ignore"):
        return _shift(Surfaces(law, *surfaces(law, 0)[0]), centre, unique, PUBLISHED)


def _draws(law: Law, centre: Prediction, unique: float) -> _Shift:
    """On draws of the surfaces, each with a draw of what repetition is worth."""
    generator = np.random.default_rng(1)
    with np.errstate(all="ignore"):
        parts = [
            _shift(Surfaces(law, form, theta), centre, unique, drawn(len(theta), generator))
            for form, theta in surfaces(law, DRAWS)
        ]
    return _Shift(np.concatenate([part.log_params for part in parts]), np.concatenate([part.loss for part in parts]))


def _shift(drawn_surfaces: Surfaces, centre: Prediction, unique: float, worth: Worth) -> _Shift:
    """What the limit changes on each surface; nothing where the surface's own optimum has enough tokens."""
    log_c, log_unique, guess = np.log(centre.flops), float(np.log(unique)), float(np.log(centre.params))
    free = drawn_surfaces.free(log_c, guess)
    scarce = drawn_surfaces.tokens(log_c, free.log_params) > log_unique
    if not scarce.any():
        nothing = np.where(np.isfinite(free.log_params), 0.0, np.nan)[:, 0]
        return _Shift(nothing, nothing)
    filled = drawn_surfaces.filled(log_unique, guess + min(log_unique - float(np.log(centre.tokens)), 0.0))
    found = drawn_surfaces.limited(log_c, Limit(log_unique, filled, worth), guess)
    smaller = np.where(scarce, found.log_params - free.log_params, 0 * free.log_params)
    cost = np.where(scarce, np.maximum(found.loss - free.loss, 0), 0 * free.loss)
    return _Shift(smaller[:, 0], cost[:, 0])


def _possible(law: Law, centre: Prediction, own: _Shift) -> bool:
    """Whether the answer is a model of one parameter at least, no worse than a uniform guess."""
    return own.known == 1 and centre.params * np.exp(own.log_params[0]) >= 1 and not _hopeless(law, centre, own)


def _hopeless(law: Law, centre: Prediction, own: _Shift) -> bool:
    """Whether the loss is beyond that of a uniform guess."""
    return bool(centre.loss + own.loss[0] > UNIFORM_GUESS.get(law.loss_unit, UNIFORM_GUESS["nats/token"]))


def _refusal(law: Law, centre: Prediction, unique: float, own: _Shift) -> str:
    """Why there is no answer, and the fewest tokens that can be asked about."""
    where = f"with {format_count(unique)} unique tokens at {format_flops(centre.flops)} FLOPs"
    if own.known == 1 and _hopeless(law, centre, own):
        loss = format_loss(centre.loss + float(own.loss[0]))
        why = f"{where} the law gives a loss of {loss}, worse than a uniform guess over any vocabulary in use"
    else:
        why = f"{where} the law has no best size"
    low, high = 0.0, float(np.log(centre.tokens))
    if not _possible(law, centre, _own(law, centre, np.exp(high))):
        return f"{why}; ask about another budget"
    while high - low > 0.05:
        middle = (low + high) / 2
        possible = _possible(law, centre, _own(law, centre, np.exp(middle)))
        low, high = (low, middle) if possible else (middle, high)
    return f"{why}; ask about {format_count(float(np.exp(high)), 2)} tokens or more"


def _epoch_warnings(epochs: float) -> tuple[str, ...]:
    if epochs <= 1:
        return ()
    seen = (
        f"Each token is seen {epochs:.3g} times; repetitions are discounted as Muennighoff et al. 2023 published "
        f"(R*_D = {REPEATED_TOKENS_WORTH:.4g}, R*_N = {EXCESS_PARAMETERS_WORTH:.3g}), each known to a factor of two."
    )
    past = (f"Beyond {MOST_EPOCHS} epochs their data showed no return at all.",) if epochs > MOST_EPOCHS else ()
    return (seen, *past)
