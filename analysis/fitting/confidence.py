"""How far to trust an answer: a word, and sentences that say why."""

from __future__ import annotations

import numpy as np

from analysis.wording import place_sentence

_OUTSIDE = 1.05
"""Ratio to the nearest fitted budget from which a warning says where an answer lies."""


def place_warnings(place: str, outside: float) -> tuple[str, ...]:
    """Where an answer lies, as a warning: nothing for one within the fitted budgets or next to them.

    `outside` is the ratio to the nearest fitted budget, 1 and less within them.
    """
    return (place_sentence(place),) if outside > _OUTSIDE else ()


def judge(
    *, place: str, extrapolation: float, below: float, half_width: float, budgets: int, rejected: int, surfaces: int
) -> tuple[str, tuple[str, ...]]:
    """high | medium | low, and plain sentences on how far to trust the answer.

    `place` is where C lies in words, `extrapolation` is C over the largest fitted budget, `below` the smallest fitted
    budget over C, `half_width` that of the interval of ln N*, `budgets` the number of curves with a minimum, `rejected`
    the number of `surfaces`, of those whose lack of fit was tested, that the test rejects.
    """
    level, sentences = 0, list(place_warnings(place, max(extrapolation, below)))
    factor = float(np.exp(half_width))
    if extrapolation > 100:
        level = 2
        sentences.append("No public data can check an answer this far out; train a run in between first.")
    elif extrapolation > 10:
        level = 1
        sentences.append("Beyond 10× even good laws have missed N* by a third; confirm it with a run at 3×.")
    if below > 3:
        level = max(level, 2 if below > 100 else 1)
    if below > 10:
        sentences.append("So far below its runs a law may bend unseen; a run of a smaller budget shows it.")
    if budgets < 4:
        level = max(level, 2 if extrapolation > 10 else 1)
        have = "budget has" if budgets == 1 else "budgets have"
        sentences.append(f"Only {budgets} {have} a minimum: the bend of the loss frontier rests on weak priors.")
    if surfaces and rejected >= surfaces:
        level = 2
        sentences.append("Every surface is rejected by lack of fit; trust the curves themselves more than this answer.")
    if factor > 2:
        level = 2
        sentences.append(f"The interval of N* spans ×{factor:.2g} to each side.")
    elif factor > 1.3:
        level = max(level, 1)
    return ("high", "medium", "low")[level], tuple(sentences)
