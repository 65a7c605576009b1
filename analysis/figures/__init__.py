"""Altair charts of a law: one spec each for the page, the report, PNG, SVG, PDF and wandb."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import altair as alt

from analysis.figures.diagnostics import estimator_disagreement, residuals
from analysis.figures.isoflop import isoflop_curves
from analysis.figures.save import Chart, caption, javascript, page_spec, render, save, script_json
from analysis.figures.scaling import loss_frontier, optimal_params, optimal_tokens, scaling
from analysis.figures.theme import PANEL_WIDTH, theme
from analysis.records import LawError

if TYPE_CHECKING:
    from analysis.law import Law

__all__ = [
    "Chart",
    "caption",
    "charts",
    "estimator_disagreement",
    "isoflop_curves",
    "javascript",
    "loss_frontier",
    "optimal_params",
    "optimal_tokens",
    "overview",
    "page_spec",
    "render",
    "residuals",
    "save",
    "scaling",
    "script_json",
    "theme",
]


def overview(law: Law, horizon: float = 100) -> alt.VConcatChart:
    """The IsoFLOP curves above, N* and D* against compute below: the one picture of a law."""
    curves = isoflop_curves(law).properties(width=2 * PANEL_WIDTH)
    picture: alt.VConcatChart = alt.vconcat(curves, scaling(law, horizon), spacing=24).resolve_scale(
        color="independent", shape="independent", strokeDash="independent"
    )
    return picture


def charts(law: Law, horizon: float = 100) -> dict[str, alt.LayerChart]:
    """Every chart that the law allows, by the name of its file: those that need a fit are left out without one."""
    made = {
        "isoflop": isoflop_curves(law),
        "optimal-params": optimal_params(law, horizon),
        "optimal-tokens": optimal_tokens(law, horizon),
        "loss-frontier": loss_frontier(law, horizon),
    }
    if any(curve.cubic for curve in law.curves):
        made["residuals"] = residuals(law)
    with contextlib.suppress(LawError):
        made["estimators"] = estimator_disagreement(law)
    return made
