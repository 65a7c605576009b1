"""Altair charts of a law: one spec each for the page, the report, PNG, SVG, PDF and wandb."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt

from analysis.figures.contour import loss_contour
from analysis.figures.diagnostics import estimator_disagreement, residual_panels, residuals
from analysis.figures.forecasts import Forecast, forecast_record
from analysis.figures.isoflop import isoflop_curves
from analysis.figures.multiplier import compute_multiplier, compute_multipliers
from analysis.figures.save import Chart, caption, javascript, page_specs, render, save, script_json
from analysis.figures.scaling import loss_frontier, optimal_params, optimal_tokens, panels, scaling
from analysis.figures.theme import PANEL_WIDTH, theme
from analysis.records import LawError, QuestionError

if TYPE_CHECKING:
    from analysis.law import Law

__all__ = [
    "PICTURES",
    "Chart",
    "Forecast",
    "caption",
    "charts",
    "compute_multiplier",
    "compute_multipliers",
    "estimator_disagreement",
    "forecast_record",
    "isoflop_curves",
    "javascript",
    "loss_contour",
    "loss_frontier",
    "optimal_params",
    "optimal_tokens",
    "overview",
    "page_specs",
    "picture",
    "render",
    "residual_panels",
    "residuals",
    "save",
    "scaling",
    "script_json",
    "theme",
]


PICTURES = ("overview", "isoflop", "scaling", "contour", "residuals", "estimators", "forecasts", "all")
"""Names that `picture` knows."""


def overview(law: Law, horizon: float = 100) -> alt.VConcatChart:
    """The IsoFLOP curves above, N* and D* against compute below: the one picture of a law."""
    curves = isoflop_curves(law).properties(width=2 * PANEL_WIDTH + 100)
    return _stacked([curves, scaling(law, horizon, loss=False)])


def picture(name: str, law: Law, forecasts: Sequence[Forecast] = (), horizon: float = 100) -> Chart:
    """A chart by its name in `PICTURES`; `all` stacks every one that the law and its forecasts allow.

    Raises:
        LawError: the law does not allow this chart.
        QuestionError: there is no such chart, or no forecast to draw.
    """
    draw: dict[str, Callable[[], Any]] = {
        "overview": lambda: overview(law, horizon),
        "isoflop": lambda: isoflop_curves(law),
        "scaling": lambda: scaling(law, horizon),
        "contour": lambda: loss_contour(law, horizon),
        "residuals": lambda: residual_panels(law),
        "estimators": lambda: estimator_disagreement(law),
        "forecasts": lambda: forecast_record(forecasts),
    }
    if name == "all":
        parts = []
        for draw_part in list(draw.values())[1:]:
            with contextlib.suppress(ValueError):
                parts.append(draw_part())
        return _stacked(parts)
    if name not in draw:
        raise QuestionError(f"no chart {name!r}; the charts are {', '.join(PICTURES)}")
    made: Chart = draw[name]()
    return made


def _stacked(parts: Sequence[Any]) -> alt.VConcatChart:
    """Charts below each other, each with its own legends."""
    stacked: alt.VConcatChart = alt.vconcat(*parts, spacing=24).resolve_scale(
        color="independent", shape="independent", strokeDash="independent"
    )
    return stacked


def charts(law: Law, horizon: float = 100) -> dict[str, Chart]:
    """Every chart that the law allows, by the name of its file: those that need a fit are left out without one."""
    made: dict[str, Chart] = {"isoflop": isoflop_curves(law), **panels(law, horizon)}
    with contextlib.suppress(LawError):
        made["contour"] = loss_contour(law, horizon)
    with contextlib.suppress(LawError):
        made["residuals"] = residual_panels(law)
    with contextlib.suppress(LawError):
        made["estimators"] = estimator_disagreement(law)
    return made
