"""What each template receives: one frozen record per page, whose fields are the template's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from markupsafe import Markup

from analysis.law import Law
from analysis.records import Curve, PowerLaw, Prediction
from orchestrator.states import SweepState
from orchestrator.use_cases.provenance import Provenance
from orchestrator.web.figure import Figure
from orchestrator.web.next_runs import NextTable
from orchestrator.web.tables import DroppedRow, RunRow
from orchestrator.web.variants import Axis


@dataclass(frozen=True)
class View:
    """What one template receives."""

    template: ClassVar[str]
    """File in `templates/`."""


@dataclass(frozen=True, slots=True)
class SweepStatus:
    """A sweep and how far it is, as the pages show it."""

    name: str
    """What its addresses and commands call it: the name, of an earlier revision with `@` and the revision."""
    state: SweepState
    """Its state in a word."""
    done: int
    """Runs with a result."""
    failed: int
    """Runs that failed or diverged."""
    running: int
    """Runs in training."""
    total: int
    """All runs."""
    flops_spent: float
    """Training FLOPs of finished runs and of the finished share of running ones, nominal."""
    flops_planned: float
    """Training FLOPs of all runs, nominal."""
    seconds_left: float | None
    """Predicted seconds until all runs have ended; None if nothing is known."""
    note: str
    """Why no run of it starts, held or waiting; empty if nothing prevents it."""
    submitted_at: float
    """When it was submitted, seconds since the epoch."""


@dataclass(frozen=True)
class IndexPage(View):
    """All sweeps."""

    template: ClassVar[str] = "index.html"
    sweeps: Sequence[SweepStatus]
    """The sweeps, the latest first."""
    base_url: str
    """Address of the service, for the command that submits a sweep."""


@dataclass(frozen=True)
class ErrorPage(View):
    """A sentence about what went wrong."""

    template: ClassVar[str] = "error.html"
    title: str
    """Heading."""
    detail: str
    """What happened, in a sentence."""


@dataclass(frozen=True)
class SweepPage(View):
    """One sweep: progress, the answer to a budget, charts and runs."""

    template: ClassVar[str] = "sweep.html"
    sweep: SweepStatus
    """The sweep and how far it is."""
    runs: Sequence[RunRow]
    """Its runs."""
    dropped: Sequence[DroppedRow] = ()
    """Cells of its grid that do not run."""
    law: Law | None = None
    """The law so far; None as long as there is too little to fit."""
    refusal: str = ""
    """Why there is no law."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """Charts by name."""
    comparisons: Sequence[Figure] = ()
    """Compute multipliers of the variants that differ from this one in a single axis."""
    next_runs: NextTable | None = None
    """What further runs would buy; None as long as runs of the sweep are to come, or without a law."""
    asked: str = ""
    """What was typed as a budget."""
    answer: Prediction | None = None
    """The law's prediction at that budget."""
    error: str = ""
    """Why there is no answer to it."""
    variant: str = ""
    """Label of the variant that is shown; empty if nothing varies."""
    choices: Sequence[Axis] = ()
    """Links to the other variants, by axis."""


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
