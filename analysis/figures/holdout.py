"""The hold-out: each larger budget forecast from the smaller ones alone, with its interval, against what came."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt

from analysis.evidence import HoldoutRecord
from analysis.figures.apart import moved_apart
from analysis.figures.axes import linear_domain, log_axis, log_domain, values
from analysis.figures.marks import VERDICTS, budget_labels
from analysis.figures.panels import Panel, panel, side_by_side
from analysis.figures.theme import HEIGHT, PANEL_WIDTH
from analysis.fitting.holdout import untested_sentence, widened
from analysis.records import LawError
from analysis.wording import format_count, format_factor, format_flops, format_interval, format_loss, format_multiplier

if TYPE_CHECKING:
    from analysis.law import Law

_GAP = 4.0
"""Least distance of two bars, pixels."""
_FURTHEST = 4.0
"""A frame reaches at least so many times the largest budget fitted."""
_BARS_SHOWN = 0.75
"""Share of the bars' ends that a frame shows at least; what came it shows always."""
_BARS_OVER = 4.0
"""A frame ends here in any case, over the furthest that came, or at the middle bar."""
_LONGEST = 1e6
"""No bar reaches further than this factor of N*."""
_LEGEND_ROWS = 10
_MISSES_TOLD = 5
_TOOLTIP = ("fitted up to", "held out", "forecast", "interval", "came", "verdict")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A forecast of N* or of the loss, relative to it: heights are factors of N*, differences of the loss."""

    low: float
    """Low end of the interval."""
    high: float
    """High end of the interval."""
    least: float
    """Lowest that counts as inside: the error of what came is added to the interval's half in quadrature."""
    most: float
    """Highest that counts as inside, likewise."""
    reached: float
    """What came."""
    covered: bool
    """Whether the interval held it."""
    words: tuple[str, str, str]
    """The forecast, its interval, and what came."""

    @classmethod
    def of_size(cls, record: HoldoutRecord) -> _Outcome:
        """N* of a budget."""
        forecast, interval = record.params_predicted, record.params_interval
        words = (format_count(forecast), format_interval(interval, format_count), format_count(record.params))
        ends = max(interval.low / forecast, 1 / _LONGEST), min(interval.high / forecast, _LONGEST)
        least, most = _counted(math.log(ends[0]), math.log(ends[1]), record.params_error)
        counted = math.exp(max(least, -math.log(_LONGEST))), math.exp(min(most, math.log(_LONGEST)))
        return cls(*ends, *counted, record.params / forecast, record.params_covered, words)

    @classmethod
    def of_loss(cls, record: HoldoutRecord) -> _Outcome:
        """The loss of a budget."""
        forecast, interval = record.loss_predicted, record.loss_interval
        words = (format_loss(forecast), format_interval(interval), format_loss(record.loss))
        ends = interval.low - forecast, interval.high - forecast
        return cls(*ends, *_counted(*ends, record.loss_error), record.loss - forecast, record.loss_covered, words)


def _counted(low: float, high: float, error: float) -> tuple[float, float]:
    """The ends of an interval about a forecast, 0, with the error of what came added in quadrature."""
    return -widened(low, error), widened(high, error)


def holdout_panels(law: Law, name: str = "") -> alt.HConcatChart:
    """N* and the loss of each budget held out, relative to their forecast, against how far beyond the fit it lies.

    `name` is the sweep's or the table's.

    Raises:
        LawError: nothing was held out.
    """
    return side_by_side(holdout_row(law), "Forecasts of held-out budgets", name, spacing=48)


def holdout_row(
    law: Law, *, width: float = PANEL_WIDTH, height: float = 0.8 * HEIGHT, legend: bool = True
) -> list[Panel]:
    """As `holdout_panels`, to be placed in a figure; `legend` says whether the last panel names the budgets.

    Raises:
        LawError: nothing was held out.
    """
    if not law.holdout:
        raise LawError(untested_sentence(law.curves))
    records = sorted(law.holdout, key=lambda record: (record.extrapolation, record.trained_to))
    sizes, losses = [_Outcome.of_size(one) for one in records], [_Outcome.of_loss(one) for one in records]
    low, high = _frame([(math.log(one.low), math.log(one.high), math.log(one.reached)) for one in sizes])
    unit = "" if law.loss_unit == "as in the data" else f" ({law.loss_unit})"
    factors = log_axis((math.exp(low), math.exp(high)), "N* that came ÷ forecast", format_multiplier, closest=0.1)
    differences = {
        "scale": alt.Scale(domain=list(_frame([(o.low, o.high, o.reached) for o in losses])), nice=False),
        "axis": alt.Axis(tickCount=6),
        "title": f"Loss that came − forecast{unit}",
    }
    shared = {"width": width, "height": height}
    return [
        _panel(law, records, sizes, ("N*", factors, 1.0), markers=False, budgets=False, **shared),
        _panel(law, records, losses, ("loss", differences, 0.0), markers=True, budgets=legend, **shared),
    ]


def _frame(heights: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """A domain about the forecast, 0, with all that came and most bars: the longest would hide the others."""
    ends = sorted(max(-low, high) for low, high, _ in heights)
    furthest = max(abs(came) for *_, came in heights)
    longest = max(_BARS_OVER * furthest, ends[len(ends) // 2])
    top = max(furthest, min(longest, ends[math.ceil(_BARS_SHOWN * len(ends)) - 1]))
    return linear_domain([-top, top])


def _panel(
    law: Law,
    records: Sequence[HoldoutRecord],
    outcomes: Sequence[_Outcome],
    shown: tuple[str, dict[str, Any], float],
    *,
    markers: bool,
    budgets: bool,
    width: float,
    height: float,
) -> Panel:
    """One quantity, `shown` as its name, axis and the forecast's height: bars about the forecasts, and what came."""
    name, y, forecast = shown
    places = _places(records, width)
    rows = _rows(law, records, outcomes, places)
    x = log_axis(
        log_domain([1.0, _FURTHEST, *places], pad=0.03), "Held-out budget ÷ largest fitted", format_factor, width=width
    )
    base = alt.Chart(values(rows)).encode(
        x=alt.X("place:Q", **x), tooltip=[alt.Tooltip(f"{key}:N") for key in _TOOLTIP]
    )
    colour = _colour(law, rows, legend=budgets)
    scale = alt.Scale(domain=list(VERDICTS), range=list(VERDICTS.values()))
    key = alt.Legend(title="What came vs. interval", orient="right") if markers else None
    shape = alt.Shape("verdict:N", scale=scale, legend=key)
    came = alt.Y("reached:Q", **y)
    layers = [
        alt.Chart(values([{"forecast": forecast}])).mark_rule(style="even").encode(y=alt.Y("forecast:Q", **y)),
        base.mark_rule(strokeWidth=0.75, strokeOpacity=0.6, clip=True).encode(
            y=alt.Y("least:Q", **y), y2="most:Q", color=colour
        ),
        base.mark_rule(strokeWidth=2, strokeOpacity=0.6, clip=True).encode(
            y=alt.Y("low:Q", **y), y2=alt.Y2("high:Q"), color=colour
        ),
        base.transform_filter("datum.verdict == 'inside'")
        .mark_point(filled=True, size=34, opacity=1)
        .encode(y=came, color=colour, shape=shape),
        base.transform_filter("datum.verdict == 'outside'")
        .mark_point(filled=True, size=70, opacity=1, style="reached")
        .encode(y=came, shape=shape),
    ]
    return panel(layers, f"Hold-out: {name}", _notes(records), _describe(name, rows), width=width, height=height)


def _places(records: Sequence[HoldoutRecord], width: float) -> list[float]:
    """How far beyond the fit each budget lies, moved apart where bars would overlap."""
    far = [math.log(record.extrapolation) for record in records]
    least = _GAP * max(far[-1] - far[0], 1.0) / width
    return [math.exp(place) for place in moved_apart(far, least)]


def _colour(law: Law, rows: Sequence[dict[str, Any]], *, legend: bool) -> alt.Color:
    """The largest budget fitted, in its colour of the IsoFLOP curves."""
    names = list(_labels(law).values())
    listed = [name for name in names if name in {row["budget"] for row in rows}]
    columns = 2 if len(listed) > _LEGEND_ROWS else alt.Undefined
    key = alt.Legend(title="Fitted up to (FLOPs)", values=listed, columns=columns, symbolType="stroke")
    return alt.Color("budget:O", sort=names, scale=alt.Scale(domain=names), legend=key if legend else None)


def _labels(law: Law) -> dict[float, str]:
    """The law's budgets as the legend writes them, ascending."""
    curves = sorted(law.curves, key=lambda curve: curve.flops)
    return {curve.flops: label.partition(" ")[0] for curve, label in zip(curves, budget_labels(curves), strict=True)}


def _rows(
    law: Law, records: Sequence[HoldoutRecord], outcomes: Sequence[_Outcome], places: Sequence[float]
) -> list[dict[str, Any]]:
    """Forecasts of one quantity as data of a chart."""
    labels = _labels(law)
    return [
        {
            "place": place,
            "low": outcome.low,
            "high": outcome.high,
            "least": outcome.least,
            "most": outcome.most,
            "reached": outcome.reached,
            "verdict": "inside" if outcome.covered else "outside",
            "budget": labels.get(record.trained_to, format_flops(record.trained_to)),
            "fitted up to": f"{format_flops(record.trained_to)} FLOPs",
            "held out": f"{format_flops(record.flops)} FLOPs ({format_factor(record.extrapolation)})",
            "forecast": outcome.words[0],
            "interval": outcome.words[1],
            "came": outcome.words[2],
        }
        for record, outcome, place in zip(records, outcomes, places, strict=True)
    ]


def _notes(records: Sequence[HoldoutRecord]) -> list[str]:
    """How many came true, and what a bar and a cross are."""
    sizes, losses = sum(r.params_covered for r in records), sum(r.loss_covered for r in records)
    return [
        f"N* came inside its 95 % interval in {sizes} of {len(records)} forecasts, the loss in {losses}.",
        "Bar: a forecast's interval, in the colour of the largest budget fitted; thin: with the error of what came.",
        "Dot (inside) or cross (outside): the optimum of the held-out budget's own curve.",
    ]


def _describe(name: str, rows: Sequence[dict[str, Any]]) -> str:
    """The chart in words: how many were inside, and the first misses."""
    misses = [row for row in rows if row["verdict"] == "outside"]
    said = "; ".join(
        f"{row['held out']} from up to {row['fitted up to']}: forecast {row['interval']}, came {row['came']}"
        for row in misses[:_MISSES_TOLD]
    )
    held = f"{len(rows) - len(misses)} of {len(rows)} forecasts of {name} held what came"
    more = len(misses) - _MISSES_TOLD
    return f"{held}{'; outside: ' if misses else ''}{said}{f' and {more} more' if more > 0 else ''}."
