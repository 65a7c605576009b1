"""Where the corpus ends before the budgets that could be added, and the passes over it that would do. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.fitting.estimators import FEWEST_BUDGETS
from analysis.fitting.minima import FEWEST_SIZES
from analysis.suggest.moves import OPEN
from analysis.wording import typed_flops
from sweeps.file.check import MAX_EPOCHS


@dataclass(frozen=True)
class CurvePasses:
    """How often the cells of one budget would read the unique training tokens."""

    budget: float
    """Training FLOPs."""
    cells: tuple[float, ...]
    """Passes of each cell that the recipe can build, in any order."""
    whole: float
    """Passes that its whole curve takes, those of the sweep's own sizes; 0 where none can be built."""


def corpus_end(curves: Sequence[CurvePasses], epochs_max: float, spend: float = math.inf) -> str:
    """Up to where whole curves reach, and what would carry them further; empty where nothing is short of data.

    `curves` are in the order of their budgets; those that a spend, in training FLOPs, cannot open do not count.
    """
    able = [curve for curve in curves if OPEN * curve.budget <= spend]
    short = [curve for curve in able if curve.whole > epochs_max]
    if not short:
        return ""
    whole = [curve.budget for curve in able if curve.whole and curve.budget < short[0].budget]
    have = f"whole curves reach {typed_flops(whole[-1])} FLOPs" if whole else "no budget has a whole curve"
    first, every = short[0].whole, max(curve.whole for curve in short)
    gives = f"{_more(first, epochs_max)} gives that of {typed_flops(short[0].budget)}"
    if every > first:
        gives += f", {_more(every, epochs_max).partition(' or ')[0]} all up to {typed_flops(able[-1].budget)}"
    asked = f"; or ask at {typed_flops(whole[-1])}" if whole else ""
    return f"the corpus ends first: {have} with epochs_max = {epochs_max:g}; {gives}{asked}"


def data_for_law(curves: Sequence[CurvePasses], epochs_max: float) -> str:
    """What would give the curves without which there is no law; empty where more data would not."""
    each = sorted(sorted(curve.cells)[FEWEST_SIZES - 1] for curve in curves if len(curve.cells) >= FEWEST_SIZES)
    if len(each) < FEWEST_BUDGETS or each[FEWEST_BUDGETS - 1] <= epochs_max:
        return ""
    needed = each[FEWEST_BUDGETS - 1]
    return f"{_more(needed, epochs_max)} gives {FEWEST_BUDGETS} budgets {FEWEST_SIZES} sizes each"


def _more(passes: float, epochs_max: float) -> str:
    """What allows so many passes, as one types it, rounded up; text alone where `epochs_max` may not be so large."""
    text = f"{_up(passes / epochs_max):g} times the text"
    return f"epochs_max={_up(passes):g} or {text}" if _up(passes) <= MAX_EPOCHS else text


def _up(value: float) -> float:
    """To two decimals, rounded up so that it suffices."""
    return math.ceil(value * 100 * (1 - 1e-12)) / 100
