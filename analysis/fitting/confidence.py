"""How far to trust an answer: a word, and sentences that say why."""

from __future__ import annotations

import numpy as np

from analysis.wording import format_factor, place_sentence

_OUTSIDE = 1.05
"""Ratio to the nearest fitted budget from which a warning says where an answer lies."""

NARROW = 4.0
"""Largest over smallest budget below which a law has not seen enough of C to be trusted further away than that."""
_DIGITS = 9
"""Significant digits of a ratio of budgets that count: a budget is the mean of its runs' ln C, and ten times the
largest may come out as 10.000000000000064 times."""
KEPT, HALF_KEPT = 0.8, 0.5
"""Shares of a fit's own hold-out below which its confidence is medium at most, and low: where fits to published data
held less, their later intervals did, too."""


def place_warnings(place: str, outside: float) -> tuple[str, ...]:
    """Where an answer lies, as a warning: nothing for one within the fitted budgets or next to them.

    `outside` is the ratio to the nearest fitted budget, 1 and less within them.
    """
    return (place_sentence(place),) if outside > _OUTSIDE else ()


def judge(
    *,
    place: str,
    extrapolation: float,
    below: float,
    half_width: float,
    budgets: int,
    span: float,
    held: float | None,
) -> tuple[str, tuple[str, ...]]:
    """high | medium | low, and plain sentences on how far to trust the answer.

    `place` is where C lies in words, `extrapolation` is C over the largest fitted budget, `below` the smallest fitted
    budget over C, `half_width` that of the interval of ln N*, `budgets` the number of curves with a minimum, `span` the
    largest fitted budget over the smallest, `held` the share of the fit's own hold-out that its intervals held, None
    where nothing was tested. The words are calibrated on published sets (docs/experiments/coverage.md).
    """
    extrapolation, below, span = (float(f"{ratio:.{_DIGITS}g}") for ratio in (extrapolation, below, span))
    level, sentences = 0, list(place_warnings(place, max(extrapolation, below)))
    factor = float(np.exp(half_width))
    if extrapolation > 100:
        level = 2
        sentences.append("No public data can check an answer this far out; train a run in between first.")
    elif extrapolation > 10:
        level = 1
        sentences.append("Beyond 10× few published runs can check an answer; confirm it with a run at 3×.")
    if below > 3:
        level = max(level, 2 if below > 100 else 1)
    if below > 10:
        sentences.append("So far below its runs a law may bend unseen; a run of a smaller budget shows it.")
    if budgets < 4:
        level = max(level, 2 if extrapolation > 10 else 1)
        have = "budget has" if budgets == 1 else "budgets have"
        sentences.append(f"Only {budgets} {have} a minimum: the bend of the loss frontier rests on weak priors.")
    if span < NARROW and max(extrapolation, below) > span:
        level = max(level, 1)
        sentences.append(f"The budgets span only {format_factor(span)} in all, less than this lies beyond them.")
    if held is None:
        level = max(level, 1)
        sentences.append("No prediction of this fit was tested on a later budget.")
    elif held < KEPT:
        level = max(level, 2 if held < HALF_KEPT else 1)
        share = f"{held:.0%} of its own hold-out"
        sentences.append(f"The fit's intervals held only {share}: trust them less than they say.")
    if factor > 2:
        level = 2
        sentences.append(f"The interval of N* spans ×{factor:.2g} to each side.")
    elif factor > 1.3:
        level = max(level, 1)
    return ("high", "medium", "low")[level], tuple(sentences)
