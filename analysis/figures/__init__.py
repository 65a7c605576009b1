"""Altair charts of a law: one spec each for the page, the report, PNG, SVG, PDF and wandb."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from analysis.answers.published import PublishedLaw
from analysis.figures.compose import everything, overview
from analysis.figures.contour import loss_contour
from analysis.figures.course import course_panels
from analysis.figures.disagreement import estimator_disagreement
from analysis.figures.forecasts import Forecast, forecast_record
from analysis.figures.holdout import holdout_panels
from analysis.figures.isoflop import isoflop_curves
from analysis.figures.multiplier import compute_multiplier, compute_multipliers
from analysis.figures.ngrams import ngram_curves
from analysis.figures.residuals import residual_panels, residuals
from analysis.figures.save import Chart, caption, drawn, javascript, page_specs, render, save, script_json
from analysis.figures.scaling import loss_frontier, optimal_params, optimal_tokens, panels, scaling
from analysis.figures.theme import theme
from analysis.figures.training import Against, RunCurve, training_curves
from analysis.records import LawError, QuestionError

if TYPE_CHECKING:
    from analysis.law import Law

__all__ = [
    "PICTURES",
    "Against",
    "Chart",
    "Forecast",
    "RunCurve",
    "caption",
    "charts",
    "compute_multiplier",
    "compute_multipliers",
    "course_panels",
    "drawn",
    "estimator_disagreement",
    "everything",
    "forecast_record",
    "holdout_panels",
    "isoflop_curves",
    "javascript",
    "loss_contour",
    "loss_frontier",
    "ngram_curves",
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
    "training_curves",
]


PICTURES = (
    "overview",
    "isoflop",
    "scaling",
    "contour",
    "residuals",
    "estimators",
    "holdout",
    "ngrams",
    "forecasts",
    "all",
)
"""Names that `picture` knows."""


def picture(
    chart: str,
    law: Law,
    forecasts: Sequence[Forecast] = (),
    horizon: float = 100,
    *,
    name: str = "",
    published: Sequence[PublishedLaw] = (),
) -> Chart:
    """A chart by its name in `PICTURES`; `all` is one figure of all that the law and its forecasts allow.

    `name` is the sweep's or the table's, for the title; `published` laws are drawn next to the law against compute.

    Raises:
        LawError: the law does not allow this chart.
        QuestionError: there is no such chart, or no forecast to draw.
    """
    draw: dict[str, Callable[[], Chart]] = {
        "overview": lambda: overview(law, horizon, published, name),
        "isoflop": lambda: isoflop_curves(law, name),
        "scaling": lambda: scaling(law, horizon, published, name),
        "contour": lambda: loss_contour(law, horizon, name),
        "residuals": lambda: residual_panels(law, name),
        "estimators": lambda: estimator_disagreement(law, name=name),
        "holdout": lambda: holdout_panels(law, name),
        "ngrams": lambda: ngram_curves(law, name),
        "forecasts": lambda: forecast_record(forecasts, name),
        "all": lambda: everything(law, forecasts, horizon, published, name),
    }
    if chart not in draw:
        raise QuestionError(f"there is no chart {chart!r}; the charts are {', '.join(PICTURES)}")
    return draw[chart]()


def charts(law: Law, horizon: float = 100, name: str = "", published: Sequence[PublishedLaw] = ()) -> dict[str, Chart]:
    """Every chart that the law allows, by the name of its file: those that need a fit are left out without one.

    `name` is the sweep's or the table's, for the titles; `published` laws are drawn next to the law against compute.
    """
    made: dict[str, Chart] = {"isoflop": isoflop_curves(law, name), **panels(law, horizon, published, name)}
    with contextlib.suppress(LawError):
        made["contour"] = loss_contour(law, horizon, name)
    with contextlib.suppress(LawError):
        made["residuals"] = residual_panels(law, name)
    with contextlib.suppress(LawError):
        made["estimators"] = estimator_disagreement(law, name=name)
    with contextlib.suppress(LawError):
        made["holdout"] = holdout_panels(law, name)
    with contextlib.suppress(LawError):
        made["ngrams"] = ngram_curves(law, name)
    return made
