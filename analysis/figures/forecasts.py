"""The forecast record: what was predicted before a run was trained, with its interval, against what it reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import altair as alt

from analysis.figures.axes import linear_domain, values
from analysis.figures.marks import VERDICTS
from analysis.figures.panels import Panel, panel
from analysis.figures.theme import WIDTH
from analysis.records import Interval, QuestionError
from analysis.wording import format_count, format_factor, format_flops, format_loss, format_loss_intervals

_ROW_HEIGHT = 32


class StoredForecast(Protocol):
    """A forecast as whoever keeps it has it."""

    @property
    def made_at(self) -> float:
        """Seconds since the epoch."""
        ...

    @property
    def flops(self) -> float:
        """Budget C of the run, training FLOPs."""
        ...

    @property
    def prediction(self) -> Mapping[str, Any]:
        """The prediction as `analysis.answers.serial.prediction_json` wrote it."""
        ...

    @property
    def loss(self) -> float | None:
        """Loss that the run reached; None before it has ended."""
        ...


@dataclass(frozen=True, slots=True)
class Forecast:
    """A stored prediction of a run's loss, and what came of it."""

    made_at: float
    """Seconds since the epoch."""
    flops: float
    """Budget C of the run, training FLOPs."""
    params: float
    """Predicted N*."""
    loss: float
    """Predicted loss."""
    interval: Interval
    """Its interval: of the mean of many runs."""
    extrapolation: float
    """C over the largest budget that the law was fitted to."""
    loss_unit: str
    """nats/token | bits/byte | as in the data."""
    reached: float | None = None
    """Loss of the run; None before it has ended."""
    run_interval: Interval | None = None
    """Interval of the loss of one run; None where the forecast has none."""

    @classmethod
    def of(cls, stored: StoredForecast) -> Forecast:
        """The forecast that was stored."""
        prediction = stored.prediction
        of_run = prediction.get("run_interval")  # None, too, in those stored before there was one
        return cls(
            made_at=stored.made_at,
            flops=stored.flops,
            params=prediction["params"],
            loss=prediction["loss"],
            interval=Interval(*prediction["loss_interval"]),
            extrapolation=prediction["extrapolation"],
            loss_unit=prediction["loss_unit"],
            reached=stored.loss,
            run_interval=Interval(*of_run) if of_run else None,
        )

    @property
    def scored_by(self) -> Interval:
        """The interval that the run is held against: that of one run, else that of the mean."""
        return self.run_interval or self.interval

    @property
    def verdict(self) -> str:
        """inside | outside | waiting."""
        if self.reached is None:
            return "waiting"
        return "inside" if self.reached in self.scored_by else "outside"


def forecast_record(forecasts: Sequence[Forecast], name: str = "") -> alt.LayerChart:
    """One row a forecast, the furthest extrapolation last: its 95 % interval of one run, and the loss reached.

    `name` is the sweep's.

    Raises:
        QuestionError: there is no forecast.
    """
    return forecast_panel(forecasts).alone(name)


def forecast_panel(forecasts: Sequence[Forecast], *, width: float = WIDTH) -> Panel:
    """As `forecast_record`, to be placed in a figure.

    Raises:
        QuestionError: there is no forecast.
    """
    if not forecasts:
        raise QuestionError("no forecast is stored yet: `isoflop validate` stores one, trains its run and scores it")
    ordered = sorted(forecasts, key=lambda forecast: (forecast.extrapolation, forecast.made_at))
    rows = list(_rows(ordered))
    ends = [row[key] for row in rows for key in ("low", "high", "error") if row[key] is not None]
    scale = alt.Scale(domain=list(linear_domain([0.0, *ends])), nice=False)
    x: dict[str, Any] = {
        "scale": scale,
        "axis": alt.Axis(tickCount=5),
        "title": f"Loss reached − forecast ({ordered[0].loss_unit})",
    }
    axis = alt.Axis(labelLimit=220, grid=True)
    y = alt.Y("forecast:N", sort=[row["forecast"] for row in rows], title=None, axis=axis)
    tooltip = [alt.Tooltip(f"{key}:N") for key in ("C", "factor", "made", "loss forecast", "range", "loss reached")]
    base = alt.Chart(values(rows)).encode(y=y, tooltip=tooltip)
    layers = [
        alt.Chart(values([{"zero": 0}])).mark_rule(style="guide").encode(x=alt.X("zero:Q", **x)),
        base.mark_rule(style="interval").encode(x=alt.X("low:Q", **x), x2=alt.X2("high:Q")),
        base.mark_tick(style="stop", thickness=2, size=14).encode(x=alt.X("centre:Q", **x)),
    ]
    if any(row["error"] is not None for row in rows):
        layers.append(_reached_layer(base, x))
    height = _ROW_HEIGHT * max(len(rows), 2)
    return panel(layers, "Forecast record", _notes(ordered), _describe(ordered), width=width, height=height)


def _reached_layer(base: alt.Chart, x: dict[str, Any]) -> alt.Chart:
    """The losses reached: the marker alone says whether one lies inside its interval."""
    scale = alt.Scale(domain=list(VERDICTS), range=list(VERDICTS.values()))
    chart: alt.Chart = (
        base.transform_filter("isValid(datum.error)")
        .mark_point(filled=True, size=80, opacity=1, style="reached")
        .encode(x=alt.X("error:Q", **x), shape=alt.Shape("verdict:N", scale=scale, title="Loss reached vs. interval"))
    )
    return chart


def _rows(forecasts: Sequence[Forecast]) -> Iterator[dict[str, Any]]:
    """Forecasts as data of a chart, equal ones numbered."""
    seen: Counter[str] = Counter()
    for forecast in forecasts:
        compute, factor = format_flops(forecast.flops), format_factor(forecast.extrapolation)
        made = datetime.fromtimestamp(forecast.made_at, UTC)
        name = f"{compute} ({factor}), {made:%Y-%m-%d}"
        seen[name] += 1
        yield {
            "forecast": name + (f" no. {seen[name]}" if seen[name] > 1 else ""),
            "low": forecast.scored_by.low - forecast.loss,
            "high": forecast.scored_by.high - forecast.loss,
            "centre": 0.0,
            "error": None if forecast.reached is None else forecast.reached - forecast.loss,
            "verdict": forecast.verdict,
            "C": compute,
            "factor": f"{factor} the largest fitted budget",
            "made": f"{made:%Y-%m-%d %H:%M} UTC",
            "N*": format_count(forecast.params),
            "loss forecast": format_loss(forecast.loss),
            "range": format_loss_intervals(forecast.interval, forecast.run_interval),
            "loss reached": "–" if forecast.reached is None else format_loss(forecast.reached),
        }


def _notes(forecasts: Sequence[Forecast]) -> list[str]:
    """What a bar is, and how many forecasts came true."""
    scored = [forecast for forecast in forecasts if forecast.reached is not None]
    inside = sum(forecast.verdict == "inside" for forecast in scored)
    waiting = len(forecasts) - len(scored)
    said = [f"{inside} of {len(scored)} inside"] if scored else []
    said += [f"{waiting} not scored yet"] if waiting else []
    older = sum(forecast.run_interval is None for forecast in forecasts)
    mean = f" {older} of {len(forecasts)} have none; their bar is that of the mean of many runs." if older else ""
    return [
        "Each forecast was stored before its run was trained. Bar: its 95 % interval of the loss of one run, about the "
        f"predicted loss.{mean}",
        f"{'; '.join(said)}. In brackets: the budget over the largest fitted one.",
    ]


def _describe(forecasts: Sequence[Forecast]) -> str:
    """The chart in words."""
    said = "; ".join(
        f"at {format_flops(forecast.flops)} FLOPs forecast {format_loss(forecast.loss)} "
        f"({format_loss_intervals(forecast.interval, forecast.run_interval)}), "
        + ("not scored yet" if forecast.reached is None else f"reached {format_loss(forecast.reached)}")
        for forecast in forecasts
    )
    return f"Forecasts of the loss against what was reached: {said}."
