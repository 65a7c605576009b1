"""The worth of repetition that an answer rests on: a law's own where its runs tell it, else what was published."""

from __future__ import annotations

import numpy as np

from analysis.fitting.repetition.own import OwnWorth
from analysis.fitting.repetition.published import (
    EXCESS_PARAMETERS_WORTH,
    PUBLISHED,
    REPEATED_TOKENS_WORTH,
    Worth,
    drawn,
)
from analysis.law import Law


def own_or_published(law: Law) -> Worth:
    """The most likely worth."""
    return PUBLISHED if law.worth is None else law.worth.best


def drawn_worth(law: Law, count: int, generator: np.random.Generator) -> Worth:
    """Draws of what the worth may be."""
    return drawn(count, generator) if law.worth is None else law.worth.drawn(count, generator)


def worth_sentence(law: Law) -> str:
    """Which worth counts, and how well it is known."""
    worth = law.worth
    if worth is None:
        return (
            "repetitions are discounted as Muennighoff et al. 2023 published "
            f"(R*_D = {REPEATED_TOKENS_WORTH:.4g}, R*_N = {EXCESS_PARAMETERS_WORTH:.3g}), "
            "each known to a factor of two."
        )
    count = len(worth.worse)
    worse = f"; {count} of the runs overfit and did worse than any R* says" if count else ""
    return (
        f"repetitions are discounted as {worth.runs} runs that repeat tokens show: R*_D = {own_text(worth.tokens)} "
        f"(published: {REPEATED_TOKENS_WORTH:.4g}), R*_N = {own_text(worth.params)} "
        f"(published: {EXCESS_PARAMETERS_WORTH:.3g}){worse}."
    )


def own_text(own: OwnWorth) -> str:
    """A number with its interval, or with the side to which the runs bound it."""
    if own.low is not None and own.high is not None:
        return f"{own.value:.3g} [{own.low:.3g}, {own.high:.3g}]"
    if own.low is not None:
        return f"{own.value:.3g}, at least {own.low:.3g}"
    if own.high is not None:
        return f"{own.value:.3g}, at most {own.high:.3g}"
    return f"{own.value:.3g}, which the runs do not bound"
