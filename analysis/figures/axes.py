"""Logarithmic axes in the field's habit: ticks at powers of ten, labels such as 10⁵ or 2×10⁵."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, cast

import altair as alt

from analysis.figures.theme import HEIGHT, WIDTH
from analysis.wording import format_flops

_MAX_LABELS = 7


def values(rows: Iterable[dict[str, Any]]) -> alt.InlineData:
    """Rows as inline data, every float that JSON cannot hold written as null."""
    clean = [
        {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in row.items()} for row in rows
    ]
    return alt.InlineData(values=clean)


def titled(
    layers: Sequence[alt.Chart],
    title: str,
    subtitle: Sequence[str],
    description: str,
    *,
    height: float = HEIGHT,
    independent: bool = False,
) -> alt.LayerChart:
    """Layers as one chart of the usual size; `independent` gives each layer its own colours and markers."""
    chart = alt.layer(*layers)
    if independent:
        chart = chart.resolve_scale(color="independent", shape="independent")
    words = alt.TitleParams(title, subtitle=list(subtitle))
    return cast(alt.LayerChart, chart.properties(width=WIDTH, height=height, title=words, description=description))


def log_domain(numbers: Iterable[float], pad: float = 0.05) -> tuple[float, float]:
    """Smallest and largest positive number, widened on both sides by `pad` of the span in log space."""
    logs = [math.log10(number) for number in numbers if math.isfinite(number) and number > 0]
    low, high = (min(logs), max(logs)) if logs else (0.0, 1.0)
    margin = max(pad * (high - low), 0.03)
    return 10 ** (low - margin), 10 ** (high + margin)


def linear_domain(numbers: Iterable[float], pad: float = 0.06) -> tuple[float, float]:
    """Smallest and largest finite number, widened on both sides by `pad` of the span."""
    finite = [number for number in numbers if math.isfinite(number)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    margin = pad * (high - low) or max(abs(high) * 0.01, 1e-9)
    return low - margin, high + margin


def log_ticks(low: float, high: float) -> tuple[list[float], list[float]]:
    """Ticks of a log axis between two ends: (all, labelled); few decades get labels between the powers of ten."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    minor = [step * 10.0**k for k in decades for step in range(1, 10) if low <= step * 10.0**k <= high]
    for steps in ((1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        labelled = [step * 10.0**k for k in decades for step in steps if low <= step * 10.0**k <= high]
        if len(labelled) <= _MAX_LABELS:
            return minor, labelled
    stride = math.ceil(len(labelled) / _MAX_LABELS)
    powers = [10.0**k for k in decades if low <= 10.0**k <= high]
    return powers, [10.0**k for k in decades if k % stride == 0 and low <= 10.0**k <= high]


def log_axis(domain: tuple[float, float], title: str) -> dict[str, Any]:
    """Scale and axis of a logarithmic channel, to be passed on as keyword arguments of alt.X or alt.Y."""
    every, labelled = log_ticks(*domain)
    labels = json.dumps({_key(tick): format_flops(tick) for tick in labelled}, ensure_ascii=False)
    lookup = f'({labels})[format(datum.value, ".0e")]'
    is_major = {"test": f"isValid({lookup})"}
    axis = alt.Axis(
        title=title,
        values=every,
        labelExpr=f"{lookup} || ''",
        labelOverlap=False,
        labelFlush=False,
        grid=True,
        gridOpacity=alt.condition(is_major["test"], alt.value(1), alt.value(0)),
        tickSize=alt.condition(is_major["test"], alt.value(6), alt.value(3)),
    )
    return {"scale": alt.Scale(type="log", domain=list(domain), nice=False), "axis": axis, "title": title}


def _key(tick: float) -> str:
    """A tick as d3 writes it under `.0e`, which pads no exponent."""
    mantissa, exponent = f"{tick:.0e}".split("e")
    return f"{mantissa}e{int(exponent):+d}"
