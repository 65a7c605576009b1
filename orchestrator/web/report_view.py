"""What the template of a report receives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from analysis.law import Law
from analysis.records import Curve, PowerLaw, Prediction
from orchestrator.use_cases.provenance import Provenance
from orchestrator.web.figure import Figure
from orchestrator.web.losses import LossTable
from orchestrator.web.next_runs import NextTable
from orchestrator.web.tables import DroppedRow, RunRow
from orchestrator.web.views import View


@dataclass(frozen=True)
class ReportPage(View):
    """The report of a law, complete in one file."""

    template: ClassVar[str] = "report.html"
    title: str
    """Name of the sweep, with its variant."""
    law: Law
    """The law, or the refusals that are all there is of it."""
    curves: Sequence[Curve]
    """The law's curves by budget."""
    points: int
    """Runs in the fit."""
    predictions: Sequence[Prediction]
    """Answers at larger budgets."""
    figures: Mapping[str, Figure]
    """Charts by name."""
    losses: LossTable | None
    """The laws by loss; None where the runs have one loss alone."""
    next_runs: NextTable | None
    """What further runs would buy; None where that cannot be said."""
    power_laws: Sequence[Sequence[PowerLaw]]
    """Power laws by quantity, the headline first."""
    runs: Sequence[RunRow]
    """All runs of the sweep."""
    dropped: Sequence[DroppedRow]
    """Cells of the grid that did not run."""
    provenance: Provenance
    """What the report was made of and with."""
    command: str
    """What to type to repeat the sweep."""
    style: Markup
    """Style sheet."""
    script: Markup
    """Module that draws the charts."""
    library: Markup
    """Vega's bundle."""
