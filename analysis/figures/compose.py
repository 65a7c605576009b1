"""Figures of several charts: the one picture of a law, and all that it allows, each composed on one grid."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import altair as alt

from analysis.answers.published import PublishedLaw
from analysis.figures.contour import contour_panel
from analysis.figures.disagreement import disagreement_panel
from analysis.figures.forecasts import Forecast, forecast_panel
from analysis.figures.holdout import holdout_row
from analysis.figures.isoflop import isoflop_panel
from analysis.figures.panels import Panel, Row, figure, heading
from analysis.figures.quantities import QUANTITIES
from analysis.figures.residuals import residual_row
from analysis.figures.scaling import scaling_row
from analysis.records import LawError

if TYPE_CHECKING:
    from analysis.law import Law

_WIDTH = 940.0
"""Width of a figure of all charts, from the left edge of its plot areas to the right, pixels."""
_OVERVIEW_WIDTH = 780.0
_GAP = 92.0
_NAMES_GAP = 190.0
"""Left of a chart of named rows, pixels."""
_HEIGHT = 300.0


def overview(
    law: Law, horizon: float = 100, published: Sequence[PublishedLaw] = (), name: str = ""
) -> alt.VConcatChart:
    """The IsoFLOP curves above, N* and D* against compute below: the one picture of a law."""
    columns = (_OVERVIEW_WIDTH - _GAP) / 2
    rows = [Row((isoflop_panel(law, width=_OVERVIEW_WIDTH),))]
    if _has_optima(law):
        below = scaling_row(
            law, horizon, published, quantities=QUANTITIES[:2], width=columns, height=_HEIGHT, legend=False
        )
        rows.append(Row(tuple(below), _GAP))
    return figure(rows, heading(name, "compute-optimal size and tokens" if name else "Compute-optimal size and tokens"))


def everything(
    law: Law,
    forecasts: Sequence[Forecast] = (),
    horizon: float = 100,
    published: Sequence[PublishedLaw] = (),
    name: str = "",
) -> alt.VConcatChart:
    """Every chart that the law and its forecasts allow, as one figure; budgets and estimators have one legend."""
    third = (_WIDTH - 2 * _GAP) / 3
    rows = [Row((isoflop_panel(law, width=_WIDTH),))]
    if _has_optima(law):
        against = scaling_row(law, horizon, published, width=third, height=_HEIGHT, legend=False)
        rows.append(Row(tuple(against), _GAP))
    pair = _surfaces_and_estimators(law, horizon)
    if pair:
        rows.append(Row(tuple(pair), _NAMES_GAP))
    with contextlib.suppress(LawError):
        rows.append(Row(tuple(residual_row(law, width=third, legend=False)), _GAP))
    with contextlib.suppress(LawError):
        rows.append(Row(tuple(holdout_row(law, width=(_WIDTH - _GAP) / 2, legend=False)), _GAP))
    if forecasts:
        rows.append(Row((forecast_panel(forecasts, width=_WIDTH - _NAMES_GAP),), indent=_NAMES_GAP))
    return figure(rows, heading(name, "the law and its checks" if name else "The law and its checks"))


def _has_optima(law: Law) -> bool:
    """Whether there is anything to draw against compute: a headline, or a minimum of any curve."""
    return bool(law.estimators) or any(curve.minima for curve in law.curves)


def _surfaces_and_estimators(law: Law, horizon: float) -> list[Panel]:
    """Contours and the estimators' answers, as far as the law allows them."""
    half = (_WIDTH - _NAMES_GAP) / 2
    made = []
    with contextlib.suppress(LawError):
        made.append(contour_panel(law, horizon, width=half, height=1.2 * _HEIGHT, legend=False))
    with contextlib.suppress(LawError):
        made.append(disagreement_panel(law, width=half, height=1.2 * _HEIGHT))
    return made
