"""How far to trust an answer: a word, and sentences that say why."""

from __future__ import annotations

import numpy as np


def extrapolation_sentences(extrapolation: float) -> tuple[str, ...]:
    """How far beyond the largest budget an answer is; nothing within it."""
    return (f"This is {extrapolation:.3g}× the largest fitted budget.",) if extrapolation > 1.05 else ()


def judge(
    *, extrapolation: float, below: float, half_width: float, budgets: int, rejected: int, surfaces: int
) -> tuple[str, tuple[str, ...]]:
    """high | medium | low, and plain sentences on how far to trust the answer.

    `extrapolation` is C over the largest fitted budget, `below` the smallest fitted budget over C, `half_width` that of
    the interval of ln N*, `budgets` the number of curves with a minimum, `rejected` the number of `surfaces`, of those
    whose lack of fit was tested, that the test rejects.
    """
    level, sentences = 0, list(extrapolation_sentences(extrapolation))
    factor = float(np.exp(half_width))
    if extrapolation > 100:
        level = 2
        sentences.append("No public data can check an answer this far out; train a run in between first.")
    elif extrapolation > 10:
        level = 1
        sentences.append("Beyond 10× even good laws have missed N* by a third; confirm it with a run at 3×.")
    if below > 3:
        level = max(level, 1)
        sentences.append(f"This is {below:.3g}× below the smallest fitted budget.")
    if budgets < 4:
        level = max(level, 2 if extrapolation > 10 else 1)
        sentences.append(f"Only {budgets} budgets have a minimum: the bend of the loss frontier rests on weak priors.")
    if surfaces and rejected >= surfaces:
        level = 2
        sentences.append("Every surface is rejected by lack of fit; trust the curves themselves more than this answer.")
    if factor > 2:
        level = 2
        sentences.append(f"The interval of N* spans ×{factor:.2g} to each side.")
    elif factor > 1.3:
        level = max(level, 1)
    return ("high", "medium", "low")[level], tuple(sentences)
