"""What each colour means in every chart (budgets, estimators, headline, runs, published laws), and its value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.names import EstimatorName

Mode = Literal["print", "light", "dark"]

HEADLINE = EstimatorName.HEADLINE
"""What a law itself answers, among the names of its estimators."""

ESTIMATORS = (
    HEADLINE,
    EstimatorName.CUBIC,
    EstimatorName.PARABOLA,
    EstimatorName.PARABOLA_NEAR_MINIMUM,
    EstimatorName.AKIMA,
    EstimatorName.JOINT_SKEW,
    EstimatorName.JOINT_SKEW_BENT,
    EstimatorName.ADDITIVE,
    EstimatorName.ADDITIVE_HUBER,
    EstimatorName.SKALING,
)
"""The headline and every estimator, in the order of their colours."""


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one mode, as #rrggbb unless said otherwise; a colour has the same meaning in all charts."""

    ink: str
    """Text, and whatever has no colour of its own."""
    quiet: str
    """Axes, notes, guides, contours, and runs where no budget colours them."""
    grid: str
    """Grid lines."""
    paper: str
    """Background; `transparent` on a page."""
    halo: str
    """Outline that keeps text and stars readable on top of lines: the colour of the page."""
    headline: str
    """The law's own answer: its line, band, interval, optimum and frontier."""
    published: str
    """Published laws, told apart by their markers."""
    estimators: tuple[str, ...]
    """The estimators of `ESTIMATORS` after the headline, each with a colour of its own; relatives have similar ones."""
    counted: tuple[str, ...]
    """Parts of a token's FLOPs, and ways of counting them."""
    budgets: tuple[float, float]
    """Part of viridis that ascending budgets take: its ends are cut where they would vanish into the page."""

    @property
    def category(self) -> tuple[str, ...]:
        """Colours of `ESTIMATORS`."""
        return (self.headline, *self.estimators)


# Vermilion (Okabe and Ito 2008) is the one strong hue that viridis lacks, so that a headline stands out from budgets.
_ON_WHITE = Palette(
    ink="#111111",
    quiet="#555555",
    grid="#e6e6e6",
    paper="#ffffff",
    halo="#ffffff",
    headline="#D55E00",
    published="#8A6D00",
    estimators=(
        "#B0186B", "#5F6B7A", "#808B98", "#7A4A24", "#0072B2", "#3A8FC8", "#5E7D2B", "#7C9450", "#00808A",
    ),
    counted=("#0072B2", "#B8528A", "#00805E", "#8A6D00", "#6B7280"),
    budgets=(0.0, 0.86),
)  # fmt: skip
_ON_BLACK = Palette(
    ink="#e8eaed",
    quiet="#a3abb5",
    grid="#30363d",
    paper="transparent",
    halo="#14171b",
    headline="#FF8A3D",
    published="#CDB766",
    estimators=(
        "#FF86C0", "#A9B4C2", "#8793A3", "#CFA27E", "#56B4E9", "#9AD1F2", "#A9CF6B", "#C7DDA3", "#4CC9C9",
    ),
    counted=("#56B4E9", "#E79BC5", "#2BC79A", "#F0E442", "#B4BAC2"),
    budgets=(0.28, 1.0),
)  # fmt: skip
_ON_PAGE = Palette(
    ink="#1d2228",
    quiet="#5b636d",
    grid="#e5e8ec",
    paper="transparent",
    halo="#fdfdfc",
    headline=_ON_WHITE.headline,
    published=_ON_WHITE.published,
    estimators=_ON_WHITE.estimators,
    counted=_ON_WHITE.counted,
    budgets=_ON_WHITE.budgets,
)

PALETTES: dict[Mode, Palette] = {"print": _ON_WHITE, "light": _ON_PAGE, "dark": _ON_BLACK}
"""The palette of each mode."""
