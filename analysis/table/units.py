"""Units: whether columns can be FLOPs, parameters, tokens and nats, and what they look like where they cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from analysis.records import LawError

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

MAGNITUDES = {"flops": (1e6, 1e32), "params": (1e2, 1e16), "tokens": (1e2, 1e18)}
"""Ranges outside which a column is in other units than FLOPs, parameters and tokens."""
USUAL_K = (1.0, 30.0)
"""C/(N D) is 6 for dense models; attention and an uncounted head raise it, inactive parameters lower it."""
POSSIBLE_K = (1e-3, 1e4)
"""No known way of counting explains a C/(N D) outside this range."""
POSSIBLE_RATIO = (0.1, 1e4)
"""No set of runs is trained on tokens a parameter outside this range, at the median."""
ODD_ROW = 30.0
"""A run whose C/(N D) differs from the median by more than this factor is mistyped."""
USUAL_RATIO = (0.5, 2e3)
"""Tokens a parameter at the median outside which N and D may have been swapped, or be in units of one mistake."""
ALIKE = 100.0
"""Guesses whose C/(N D) and D/N are within this factor of the best one's are named beside it."""
LARGE_LOSS = 15.0
"""Nats a token of a uniform guess over three million words; a larger loss is in other units."""
_UNITS_OF_ONE = " give FLOPs, parameters and tokens as plain counts, not in thousands or millions."
_PF_DAY = 8.64e19
_NAMES = {1e3: "thousands", 1e6: "millions", 1e9: "billions", 1e12: "trillions"}
_FLOP_NAMES = {
    1e3: "kFLOPs",
    1e6: "MFLOPs",
    1e9: "GFLOPs",
    1e12: "TFLOPs",
    1e15: "PFLOPs",
    1e18: "EFLOPs",
    1e21: "ZFLOPs",
    _PF_DAY / 1e3: "teraFLOP/s-days",
    _PF_DAY: "petaFLOP/s-days",
    _PF_DAY * 1e3: "exaFLOP/s-days",
}


@dataclass(frozen=True)
class Reading:
    """One way in which a column may have been written."""

    meaning: str
    """The unit in words, for the user; empty for units of one."""
    apply: Callable[[Floats], Floats]
    """From the column to units of one, shape (n,)."""


@np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore")
def check_units(values: Mapping[str, Floats], names: Mapping[str, str], numbers: Labels, *, derived: str) -> list[str]:
    """Warnings about columns (n,) of flops, params, tokens and loss; `names` are the table's names for them.

    `numbers` (n,) are the numbers of the rows; `derived` is the quantity, flops or tokens, that the table has no column
    of and that C = 6 N D gave, or empty. Raises LawError where the columns cannot be what they are called, with what
    they look like.
    """
    tokens_given = derived != "tokens"
    columns = {key: values[key] for key in ("flops", "params", "tokens") if key != derived}
    outside = [key for key, column in columns.items() if not _in_range(key, column)]
    k = values["flops"] / (values["params"] * values["tokens"])
    middle = float(np.median(k))
    ratio = float(np.median(values["tokens"] / values["params"]))
    possible = POSSIBLE_RATIO[0] <= ratio <= POSSIBLE_RATIO[1]
    usual = USUAL_K[0] <= middle <= USUAL_K[1] and possible
    guess = _guess(columns, names) if outside or not usual else ""
    if outside:
        raise LawError(_out_of_range(outside[0], columns[outside[0]], names, numbers) + (guess or _UNITS_OF_ONE))
    if not USUAL_K[0] <= middle <= USUAL_K[1] and (guess or not POSSIBLE_K[0] <= middle <= POSSIBLE_K[1]):
        found = f"C / (N D) is {middle:.3g} at the median, where training costs about 6"
        raise LawError(f"{found};{guess or _UNITS_OF_ONE}")
    if not possible:
        raise LawError(_impossible_ratio(ratio, names, guess, derived))
    odd = np.abs(np.log(k / middle)) > np.log(ODD_ROW)
    if odd.any():
        row = int(np.flatnonzero(odd)[0])
        raise LawError(
            f"C / (N D) is {k[row]:.3g} in {rows_text(odd, numbers)} and {middle:.3g} at the median: one of "
            f"{names['flops']}, {names['params']} and {names['tokens']} is wrong there. Correct or remove the row."
        )
    return _warnings(values, names, middle, tokens_given=tokens_given)


def _impossible_ratio(ratio: float, names: Mapping[str, str], guess: str, derived: str) -> str:
    """Why tokens a parameter cannot be that few or many. Of three columns with C = 6 N D two are wrong alike."""
    if derived:
        quotient = "C / (6 N)" if derived == "tokens" else f"{names['tokens']} / {names['params']}"
        return f"{quotient} is {ratio:.3g} tokens a parameter at the median;{guess or _UNITS_OF_ONE}"
    few = ratio < POSSIBLE_RATIO[0]
    wrong, size = (names["params"], "few") if few else (names["tokens"], "many")
    return (
        f"The runs saw {ratio:.3g} tokens a parameter at the median, which is too {size} for any training, although "
        f"C / (N D) is about 6: either {names['params']} and {names['tokens']} are swapped, or {names['flops']} and "
        f"{wrong} are both too large by one factor, such as 1000. Compare a row of the table with its run."
    )


def rows_text(mask: NDArray[np.bool_], numbers: Labels, most: int = 5) -> str:
    """`row 3`, or `rows 3, 8 and 12 more`: the numbers (n,) of the rows of a mask (n,)."""
    found = [str(number) for number in numbers[mask]]
    if len(found) == 1:
        return f"row {found[0]}"
    if len(found) > most:
        return f"rows {', '.join(found[: most - 1])} and {len(found) - most + 1} more"
    return f"rows {', '.join(found[:-1])} and {found[-1]}"


def _in_range(key: str, column: Floats) -> bool:
    low, high = MAGNITUDES[key]
    return bool(low <= column.min() and column.max() <= high)


def _out_of_range(key: str, column: Floats, names: Mapping[str, str], numbers: Labels) -> str:
    low, high = MAGNITUDES[key]
    odd = (column < low) | (column > high)
    where = f"values from {column.min():.4g} to {column.max():.4g}"
    if odd.mean() < 0.5:
        where = f"{column[odd][0]:.4g} in {rows_text(odd, numbers)}"
    return f"column {names[key]}: {where} cannot be {key} (expected {low:.0e} to {high:.0e});"


def _warnings(values: Mapping[str, Floats], names: Mapping[str, str], k: float, *, tokens_given: bool) -> list[str]:
    out = []
    if not USUAL_K[0] <= k <= USUAL_K[1]:
        out.append(
            f"C / (N D) is {k:.3g} at the median, far from 6: check that FLOPs, parameters and tokens are of the same "
            "runs and that N counts every matrix that the FLOPs count."
        )
    ratio = float(np.median(values["tokens"] / values["params"]))
    if tokens_given and ratio < USUAL_RATIO[0]:
        out.append(
            f"The runs saw {ratio:.2g} tokens a parameter at the median: check that the columns {names['params']} and "
            f"{names['tokens']} are not swapped."
        )
    if tokens_given and ratio > USUAL_RATIO[1]:
        out.append(
            f"The runs saw {ratio:.4g} tokens a parameter at the median: check the units of {names['params']} and "
            f"{names['tokens']}."
        )
    loss = float(np.median(values["loss"]))
    if loss > LARGE_LOSS:
        out.append(
            f"A loss of {loss:.4g} at the median is not in nats a token; if column {names['loss']} is a perplexity, "
            "give its natural logarithm: surfaces are fitted to that."
        )
    return out


def _guess(columns: Mapping[str, Floats], names: Mapping[str, str]) -> str:
    """What the columns look like: the readings with the fewest changes that make sense of them; empty for none.

    One wrong column comes before two, and two before three. Of equally many changes the one that comes nearest to 6
    FLOPs a parameter and token and to 20 tokens a parameter is named first, others that are nearly as good after it.
    """
    found: list[tuple[int, float, str]] = []
    for readings in product(*(_readings(key, column) for key, column in columns.items())):
        converted = {key: r.apply(column) for (key, column), r in zip(columns.items(), readings, strict=True)}
        oddness = _oddness(converted)
        changed = [(names[key], reading.meaning) for key, reading in zip(columns, readings, strict=True)]
        changed = [(name, meaning) for name, meaning in changed if meaning]
        if oddness is None or not changed:
            continue
        found.append((len(changed), oddness, " and ".join(f"{name} is {meaning}" for name, meaning in changed)))
    if not found:
        return ""
    found.sort()
    fewest, least, _ = found[0]
    good = [text for changes, oddness, text in found if changes == fewest and oddness <= least + np.log(ALIKE)]
    doubt = " More than one column is wrong: compare a row of the table with its run first." if fewest > 1 else ""
    return f" it looks as if {', or '.join(good[:3])}.{doubt}"


def _readings(key: str, column: Floats) -> list[Reading]:
    readings = [Reading("", np.positive)]
    units = _FLOP_NAMES if key == "flops" else _NAMES
    for factor, name in units.items():
        readings.append(Reading(f"in {name} (multiply it by {factor:g})", partial(np.multiply, factor)))
    if column.max() < 40:
        readings.append(Reading("a log10 (raise 10 to it)", partial(np.power, 10.0)))
    if column.max() < 92:
        readings.append(Reading("a natural logarithm (take its exponential)", np.exp))
    return readings


def _oddness(columns: Mapping[str, Floats]) -> float | None:
    """How far C/(N D) and D/N are from 6 and 20, in logs; None where the columns make no sense."""
    if not all(_in_range(key, column) for key, column in columns.items()):
        return None
    params = columns["params"]
    tokens = columns["tokens"] if "tokens" in columns else columns["flops"] / (6 * params)
    k = columns["flops"] / (params * tokens) if "flops" in columns else np.full(len(params), 6.0)
    middle, ratio = float(np.median(k)), float(np.median(tokens / params))
    usual = USUAL_K[0] <= middle <= USUAL_K[1] and POSSIBLE_RATIO[0] <= ratio <= POSSIBLE_RATIO[1]
    if not usual or float(np.ptp(np.log(k))) > np.log(ODD_ROW):
        return None
    return float(abs(np.log(middle / 6)) + abs(np.log(ratio / 20)))
