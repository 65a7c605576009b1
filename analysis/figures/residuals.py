"""Residuals of the runs from the law's loss or each budget's cubic, against size, tokens and compute."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import altair as alt

from analysis.figures.axes import log_axis, log_domain, values
from analysis.figures.isoflop import polynomial
from analysis.figures.marks import ARROW, budget_encodings, budget_labels
from analysis.figures.panels import Panel, panel, side_by_side
from analysis.figures.surface import surface_loss
from analysis.figures.theme import HEIGHT, WIDTH
from analysis.records import Curve, LawError
from analysis.wording import format_count, format_flops, join_words, plural

if TYPE_CHECKING:
    from analysis.law import Law

Against = Literal["params", "tokens", "flops"]

RESIDUAL_WIDTH = 250
"""Width of one of three panels, pixels."""

_AXES: dict[Against, str] = {"params": "Parameters N", "tokens": "Tokens D", "flops": "Compute C (FLOPs)"}
_SYMBOLS: dict[Against, str] = {"params": "N", "tokens": "D", "flops": "C"}
_AS_IN_THE_DATA = "as in the data"
_NAMED_BUDGETS = 4
_MOST, _REACH = 0.9, 5.0
"""Residuals are shown up to so many times the size that this share of them stays within."""


def residuals(law: Law, against: Against = "params", name: str = "") -> alt.LayerChart:
    """Loss minus the law's L(N, D), in thousandths of the loss unit, against N, D or C; all runs, refused ones hollow.

    A healthy fit scatters around zero without a shape; a trend means that the law misses the runs, or that a
    hyperparameter moves with size. Without a law each budget's cubic stands in, and budgets without one are named.
    `name` is the sweep's or the table's.
    """
    about = _About.of(law)
    rows = list(_rows(law, about))
    return _panel(law, about, against, rows, WIDTH, HEIGHT * 2 / 3, legend=True).alone(name)


def residual_panels(law: Law, name: str = "") -> alt.HConcatChart:
    """`residuals` against N, D and C side by side, on one scale.

    Raises:
        LawError: there is neither a law nor a cubic.
    """
    drawn = residual_row(law)
    return side_by_side(drawn, drawn[0].title.partition(" against")[0], name, spacing=20)


def residual_row(
    law: Law, *, width: float = RESIDUAL_WIDTH, height: float = HEIGHT * 2 / 3, legend: bool = True
) -> list[Panel]:
    """As `residual_panels`, to be placed in a figure; only the last panel has a legend, if any.

    Raises:
        LawError: there is neither a law nor a cubic.
    """
    about = _About.of(law)
    rows = list(_rows(law, about))
    if not rows:
        raise LawError("there is neither a law nor a cubic to draw residuals of")
    return [
        _panel(law, about, against, rows, width, height, legend=legend and against == list(_AXES)[-1])
        for against in _AXES
    ]


@dataclass(frozen=True, slots=True)
class _About:
    """What the residuals are about: the law's loss of a model, or each budget's cubic."""

    name: str
    """law | cubics."""
    curves: tuple[Curve, ...]
    """Curves whose runs have a residual, by budget."""
    expected: Callable[[Curve], Sequence[float]]
    """Expected loss of each run of a curve."""

    @classmethod
    def of(cls, law: Law) -> _About:
        """The law where there is one, else the cubics."""
        curves = tuple(sorted(law.curves, key=lambda curve: curve.flops))
        try:
            surface_loss(law, [1.0], [1.0])
        except LawError:
            kept = tuple(curve for curve in curves if curve.cubic)
            return cls("cubics", kept, lambda c: [polynomial(c.cubic, n, c.centre) for n in c.params])
        return cls("law", curves, lambda c: surface_loss(law, c.params, c.tokens).tolist())


def _rows(law: Law, about: _About) -> Iterator[dict[str, Any]]:
    """The runs with their residual, in thousandths, and the label of their budget."""
    for label, curve in zip(budget_labels(about.curves), about.curves, strict=True):
        runs = zip(curve.params, curve.tokens, curve.losses, about.expected(curve), strict=True)
        for n, d, loss, expected in runs:
            yield {
                "budget": label,
                "params": n,
                "tokens": d,
                "flops": float(d * law.cost.flops_per_token(n)),
                "residual": 1000 * (loss - expected),
                "N": format_count(n),
                "D": format_count(d),
            }


def _panel(
    law: Law,
    about: _About,
    against: Against,
    rows: Sequence[dict[str, Any]],
    width: float,
    height: float,
    *,
    legend: bool,
) -> Panel:
    """The residuals against one quantity, on an axis that is symmetric about zero."""
    write = format_flops if against == "flops" else format_count
    x = log_axis(log_domain([row[against] for row in rows]), _AXES[against], write, width=width)
    edge, largest = 1.1 * _frame(rows), max([abs(row["residual"]) for row in rows], default=0.0)
    y: dict[str, Any] = {
        "scale": alt.Scale(domain=[-edge, edge], nice=False),
        "title": "Residual (10⁻³)" if law.loss_unit == _AS_IN_THE_DATA else f"Residual (10⁻³ {law.loss_unit})",
    }
    colour, shape = budget_encodings(sorted(law.curves, key=lambda curve: curve.flops), legend=legend)
    tooltip = [*(alt.Tooltip(f"{key}:N") for key in ("budget", "N", "D")), alt.Tooltip("residual:Q", format=".2f")]
    shown = [row for row in rows if abs(row["residual"]) <= edge]
    points = (
        alt.Chart(values(shown))
        .mark_point(filled=True, size=40, opacity=1)
        .encode(x=alt.X(f"{against}:Q", **x), y=alt.Y("residual:Q", **y), color=colour, shape=shape, tooltip=tooltip)
    )
    zero = alt.Chart(values([{"zero": 0}])).mark_rule(style="guide").encode(y=alt.Y("zero:Q", **y))
    title = f"Residuals of the {about.name} against {_SYMBOLS[against]}"
    described = f"{title}: {plural(len(rows), 'run')}, the largest {largest:.3g} thousandths of the loss unit."
    layers = [zero, points, *_outside_layers([row for row in rows if row not in shown], edge, against, x, y)]
    notes = _notes(law, about, len(rows) - len(shown))
    return panel(layers, title, notes, described, width=width, height=height)


def _frame(rows: Sequence[dict[str, Any]]) -> float:
    """The largest residual that is shown: all of them, unless some are far larger than nearly all others."""
    sizes = sorted(abs(row["residual"]) for row in rows)
    if not sizes:
        return 1.0
    limit = _REACH * sizes[int(_MOST * (len(sizes) - 1))]
    return max(size for size in sizes if size <= limit) or 1.0


def _outside_layers(
    rows: Sequence[dict[str, Any]], edge: float, against: Against, x: dict[str, Any], y: dict[str, Any]
) -> list[alt.Chart]:
    """An arrow at the frame for each run beyond it."""
    placed = [row | {"at": math.copysign(edge, row["residual"]), "turn": 180 * (row["residual"] < 0)} for row in rows]
    tooltip = [*(alt.Tooltip(f"{key}:N") for key in ("budget", "N", "D")), alt.Tooltip("residual:Q", format=".2f")]
    return [
        alt.Chart(values([row for row in placed if (row["turn"] > 0) == below]))
        .mark_point(shape=ARROW, filled=True, size=70, opacity=1, yOffset=-7 if below else 7, style="ink")
        .encode(
            x=alt.X(f"{against}:Q", **x),
            y=alt.Y("at:Q", **y),
            angle=alt.Angle("turn:Q", scale=None),
            tooltip=tooltip,
        )
        for below in sorted({row["turn"] > 0 for row in placed})
    ]


def _notes(law: Law, about: _About, outside: int) -> list[str]:
    """The noise to compare with, the budgets that are missing, and how many runs lie `outside` the frame."""
    notes = []
    spreads = [curve.residual for curve in law.curves if math.isfinite(curve.residual)]
    if spreads:
        text = f"Scatter of a budget's runs about its own cubic: {_span(spreads)}"
        sigmas = [curve.seed_sigma for curve in law.curves if curve.seed_sigma is not None]
        notes.append(f"{text}; between seeds: {_span(sigmas)}." if sigmas else f"{text}.")
    missing = [format_flops(curve.flops) for curve in law.curves if curve not in about.curves]
    if missing:
        named = join_words(missing) if len(missing) <= _NAMED_BUDGETS else f"{len(missing)} budgets"
        notes.append(f"Without a cubic, so left out: {named}.")
    if outside:
        arrow = "Arrow: 1 run" if outside == 1 else f"Arrows: {outside} runs"
        notes.append(f"{arrow} beyond the frame.")
    return notes


def _span(sigmas: Sequence[float]) -> str:
    """Standard deviations in thousandths, from the smallest to the largest: 3.5 to 8 (10⁻³)."""
    low, high = (f"{float(f'{1000 * end:.2g}'):g}" for end in (min(sigmas), max(sigmas)))
    return f"{low} to {high} (10⁻³)" if low != high else f"{low} (10⁻³)"
