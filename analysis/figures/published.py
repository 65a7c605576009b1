"""Published laws next to a fit: their lines, each with a marker and the name of its convention."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from analysis.answers.published import PUBLISHED, PublishedLaw
from analysis.figures.axes import values
from analysis.wording import format_count, format_flops, format_loss, join_words

ALL = tuple(PUBLISHED.values())
"""Every law of the registry."""

_MARKERS = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
_MARKED = 6
_LEGEND_WIDTH = 30
_BREAK = "|"
_TITLE = "Published laws"


def shown_laws(
    laws: Sequence[PublishedLaw], quantity: str, budgets: Sequence[float], domain: tuple[float, float]
) -> tuple[PublishedLaw, ...]:
    """Those that answer with `params`, `tokens` or `loss` somewhere inside a domain, in the registry's order."""
    low, high = domain
    return tuple(law for law in laws if any(low <= at <= high for at in published_values(law, quantity, budgets)))


def published_values(law: PublishedLaw, quantity: str, budgets: Sequence[float]) -> list[float]:
    """What a published law answers at budgets; empty where it says nothing of the quantity."""
    answers = [getattr(law.predict(budget), quantity) for budget in budgets]
    return [answer for answer in answers if answer is not None]


def published_layers(
    shown: Sequence[PublishedLaw],
    listed: Sequence[PublishedLaw],
    every: Sequence[PublishedLaw],
    quantity: str,
    budgets: Sequence[float],
    x: dict[str, Any],
    y: dict[str, Any],
) -> list[alt.Chart]:
    """A thin line for each law of `shown`, with markers along it; the legend says how each of `listed` counts.

    All have one colour; a marker comes from the place among `every` law, so that it is the same in all charts.
    """
    if not shown and not listed:
        return []
    names = [_legend_name(law) for law in every]
    drawn = [(index, law) for index, law in enumerate(every) if law in shown]
    along = values(row for index, law in drawn for row in _line_rows(law, names[index], quantity, budgets))
    marked = values(row for index, law in drawn for row in _marker_rows(index, law, names[index], quantity, budgets))
    at = {"x": alt.X("flops:Q", **x), "y": alt.Y("value:Q", **y)}
    chosen = [_legend_name(law) for law in listed]
    legend = alt.Legend(
        title=_TITLE, labelExpr=f"split(datum.label, '{_BREAK}')", labelLimit=260, values=chosen, columns=1
    )
    markers = [_MARKERS[i % len(_MARKERS)] for i in range(len(names))]
    shape = alt.Shape(
        "law:N",
        sort=names,
        scale=alt.Scale(domain=names, range=markers),
        title=_TITLE,
        legend=legend if chosen else None,
    )
    tooltip = [alt.Tooltip(f"{key}:N") for key in ("published", "C", "answer", "source", "convention", "note")]
    layers = [
        alt.Chart(along)
        .transform_filter(f"datum.dashed == {dashed}")
        .mark_line(style=style, clip=True)
        .encode(**at, detail=alt.Detail("piece:N"))
        for dashed, style in (("false", "published"), ("true", "published-beyond"))
    ]
    markers_of = alt.Chart(marked).mark_point(filled=True, size=34, opacity=1, clip=True, style="published-mark")
    return [*layers, markers_of.encode(**at, shape=shape, tooltip=tooltip)]


def outside_note(
    laws: Sequence[PublishedLaw], shown: Sequence[PublishedLaw], quantity: str, symbol: str, budgets: Sequence[float]
) -> list[str]:
    """Which of the laws answer, but nowhere inside the frame; nothing where there are none."""
    outside = [short_name(law) for law in laws if law not in shown and published_values(law, quantity, budgets)]
    return [f"Outside the frame of {symbol}: {join_words(outside)}."] if outside else []


def _line_rows(law: PublishedLaw, name: str, quantity: str, budgets: Sequence[float]) -> Iterator[dict[str, Any]]:
    """Points of a law's line in three pieces, the outer two dashed: below, on and above the budgets of its source."""
    low, high = law.budgets or (0.0, math.inf)
    first, last = min(budgets), max(budgets)
    ends = [end for end in (low, high) if first < end < last]
    for piece, (start, stop) in enumerate(((first, low), (max(first, low), min(last, high)), (high, last))):
        at = sorted(budget for budget in {*budgets, *ends} if start <= budget <= stop)
        for budget, value in zip(at, published_values(law, quantity, at), strict=False):
            yield {"law": name, "piece": f"{name} {piece}", "dashed": piece != 1, "flops": budget, "value": value}


def _marker_rows(
    index: int, law: PublishedLaw, name: str, quantity: str, budgets: Sequence[float]
) -> Iterator[dict[str, Any]]:
    """A few points of a law's line, at other places for each law."""
    stride = max(1, round(len(budgets) / _MARKED))
    write = format_loss if quantity == "loss" else format_count
    at = budgets[(2 * index + 1) % stride :: stride]
    for budget, value in zip(at, published_values(law, quantity, at), strict=False):
        yield {
            "law": name,
            "flops": budget,
            "value": value,
            "published": short_name(law),
            "C": format_flops(budget),
            "answer": write(value),
            "source": law.source,
            "convention": law.convention,
            "note": law.note or "–",
        }


def short_name(law: PublishedLaw) -> str:
    """Authors and year: Kaplan et al. 2020."""
    return law.source.partition(",")[0]


def _legend_name(law: PublishedLaw) -> str:
    """Name and convention, wrapped but not inside a formula such as C = 6 N D."""
    convention = re.sub(r"(?<!\S)(\S{1,2}) (?=\S{1,2}(?!\S))", "\\1\N{NO-BREAK SPACE}", law.convention)
    return _BREAK.join([short_name(law), *textwrap.wrap(convention, _LEGEND_WIDTH)])
