"""Axes by the field's conventions: logarithmic ones with ticks at powers of ten, labels such as 10⁵ or 2×10⁵."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import altair as alt
from altair.utils.schemapi import debug_mode

from analysis.figures.theme import WIDTH
from analysis.wording import format_flops

CLOSEST = 0.12
"""Least distance of two labels along an axis of the usual size, as a share of it."""

_MAX_LABELS = 7
_FEWEST_LABELS = 3
_ROUNDING = 1e-9
"""Span, as a share of the numbers, below which they count as equal."""
_BULK = 0.975
_HEADROOM = 0.6


class _Rows(alt.InlineData):
    """Data that no chart changes: altair copies it at each step of a chart's making otherwise."""

    def __deepcopy__(self, _memo: Any) -> _Rows:
        """The same rows."""
        return self


def values(rows: Iterable[dict[str, Any]]) -> alt.InlineData:
    """Rows as inline data, every float that JSON cannot hold written as null."""
    clean = [
        {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in row.items()} for row in rows
    ]
    with debug_mode(False):  # rows fit the schema; checking each costs more than drawing them
        return _Rows(values=clean)


def log_domain(numbers: Iterable[float], pad: float = 0.05) -> tuple[float, float]:
    """Smallest and largest positive number, widened on both sides by `pad` of the span in log space."""
    logs = [math.log10(number) for number in numbers if math.isfinite(number) and number > 0]
    low, high = (min(logs), max(logs)) if logs else (0.0, 1.0)
    margin = max(pad * (high - low), 0.03)
    return 10 ** (low - margin), 10 ** (high + margin)


def linear_domain(numbers: Iterable[float], pad: float = 0.06) -> tuple[float, float]:
    """Smallest and largest finite number, widened on both sides by `pad` of the span.

    Where they are equal but for rounding, by a hundredth of them.
    """
    finite = [number for number in numbers if math.isfinite(number)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    size = max(abs(low), abs(high))
    margin = pad * (high - low) if high - low > _ROUNDING * size else max(size * 0.01, 1e-9)
    return low - margin, high + margin


def loss_domain(losses: Sequence[float], others: Iterable[float] = ()) -> tuple[float, float]:
    """Domain of a loss axis: all `losses`, but where a few lie far above the rest, only so much as shows the rest.

    The frame ends where the bulk of the losses (97.5 %) plus 60 % of its span ends; `others` are in it in any case
    as far as they lie below that.
    """
    finite = sorted(loss for loss in losses if math.isfinite(loss))
    if not finite:
        return linear_domain(others)
    low, bulk = finite[0], finite[math.floor(_BULK * (len(finite) - 1))]
    top = min(finite[-1], bulk + _HEADROOM * (bulk - low)) if bulk > low else finite[-1]
    return linear_domain([low, top, *(min(other, top) for other in others)])


def linear_ticks(low: float, high: float, most: int = _MAX_LABELS) -> list[float]:
    """Round numbers between two ends, at most so many: steps of 1, 2 or 5 times a power of ten."""
    decade = 10.0 ** math.floor(math.log10((high - low) / most))
    for step in (decade * factor for factor in (1, 2, 5, 10, 20)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            return [float(f"{index * step:.12g}") for index in range(first, last + 1)]
    return []


def log_ticks(low: float, high: float, closest: float = CLOSEST) -> tuple[list[float], list[float]]:
    """Ticks of a log axis between two ends: (all, labelled); few decades get labels between the powers of ten.

    Labels are at most seven and no closer than a share `closest` of the axis.
    """
    every, labelled = _decade_ticks(low, high, closest * math.log10(high / low))
    if len(labelled) >= _FEWEST_LABELS:
        return every, labelled
    apart = closest * math.log10(high / low)
    even = linear_ticks(low, high, min(_MAX_LABELS, max(2, int(0.7 / closest))))
    fits = all(math.log10(after / before) >= apart for before, after in pairwise(even) if before > 0)
    return (even, even) if len(even) > len(labelled) and fits else (every, labelled)


def _decade_ticks(low: float, high: float, apart: float) -> tuple[list[float], list[float]]:
    """Ticks within and between powers of ten, and the most labels that keep `apart` decades between them."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    minor = [step * 10.0**k for k in decades for step in range(1, 10) if low <= step * 10.0**k <= high]
    for steps in ((1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        labelled = [step * 10.0**k for k in decades for step in steps if low <= step * 10.0**k <= high]
        gaps = [math.log10(after / before) for before, after in pairwise(labelled)]
        if len(labelled) <= _MAX_LABELS and all(gap >= apart for gap in gaps):
            return minor, labelled
    stride = max(math.ceil(len(labelled) / _MAX_LABELS), math.ceil(apart))
    powers = [10.0**k for k in decades if low <= 10.0**k <= high]
    return powers, [10.0**k for k in decades if k % stride == 0 and low <= 10.0**k <= high]


def log_axis(
    domain: tuple[float, float],
    title: str | Sequence[str],
    write: Callable[[float], str] = format_flops,
    *,
    width: float = WIDTH,
    closest: float | None = None,
) -> dict[str, Any]:
    """Scale and axis of a logarithmic channel, to be passed on as keyword arguments of alt.X or alt.Y.

    Labels keep the distance that they need on a horizontal axis of `width` pixels, or `closest` as a share of it.
    """
    every, labelled = log_ticks(*domain, CLOSEST * WIDTH / width if closest is None else closest)
    lookup = _lookup({tick: write(tick) for tick in labelled})
    is_major = {"test": f"isValid({lookup})"}
    axis = alt.Axis(
        title=title if isinstance(title, str) else list(title),
        values=every,
        labelExpr=f"{lookup} || ''",
        labelOverlap=False,
        labelFlush=False,
        grid=True,
        gridOpacity=alt.condition(is_major["test"], alt.value(1), alt.value(0)),
        tickSize=alt.condition(is_major["test"], alt.value(6), alt.value(3)),
    )
    return {"scale": alt.Scale(type="log", domain=list(domain), nice=False), "axis": axis}


def _lookup(names: Mapping[float, str]) -> str:
    """A Vega expression: the name of a tick, by its value as d3 writes it under `.3e`."""
    table = json.dumps({_key(tick): name for tick, name in names.items()}, ensure_ascii=False)
    return f'({table})[format(datum.value, ".3e")]'


def _key(tick: float) -> str:
    """A tick as d3 writes it under `.3e`, which pads no exponent."""
    mantissa, exponent = f"{tick:.3e}".split("e")
    return f"{mantissa}e{int(exponent):+d}"
