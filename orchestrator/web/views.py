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


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of a long table a page shows, and where the others are."""

    path: str
    """Address of the table's pages."""
    offset: int
    """Rows before the first one shown."""
    length: int
    """Most rows of a page."""
    total: int
    """All rows."""

    @property
    def last(self) -> int:
        """Number of the last row shown, from 1."""
        return min(self.offset + self.length, self.total)

    @property
    def whole(self) -> bool:
        """Whether the page shows all there is."""
        return self.offset == 0 and self.last == self.total

    @property
    def earlier(self) -> str:
        """Address of the page before; empty on the first."""
        return f"{self.path}?offset={max(self.offset - self.length, 0)}" if self.offset else ""

    @property
    def later(self) -> str:
        """Address of the page after; empty on the last."""
        return f"{self.path}?offset={self.offset + self.length}" if self.last < self.total else ""


@dataclass(frozen=True)
class IndexPage(View):
    """All sweeps, or a part of them."""

    template: ClassVar[str] = "index.html"
    sweeps: Sequence[SweepStatus]
    """The sweeps of this part, the latest first."""
    base_url: str
    """Address of the service, for the command that submits a sweep."""
    part: Slice
    """Which part of all sweeps they are."""


@dataclass(frozen=True)
class RunsPage(View):
    """The runs of a sweep, or a part of them."""

    template: ClassVar[str] = "runs.html"
    name: str
    """What addresses call the sweep."""
    runs: Sequence[RunRow]
    """The runs of this part."""
    part: Slice
    """Which part of all runs they are."""


@dataclass(frozen=True)
class NextPage(View):
    """What further runs of a sweep would buy."""

    template: ClassVar[str] = "next.html"
    name: str
    """What addresses call the sweep."""
    variant: str
    """Label of the variant; empty if nothing varies."""
    next_runs: NextTable | None
    """The table; None where that cannot be said."""


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
    """Its first runs."""
    runs_total: int
    """All its runs."""
    dropped: Sequence[DroppedRow] = ()
    """The first cells of its grid that do not run."""
    dropped_total: int = 0
    """All of these cells."""
    law: Law | None = None
    """The law so far; None as long as there is too little to fit."""
    refusal: str = ""
    """Why there is no law."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """Charts by name."""
    comparisons: Sequence[Figure] = ()
    """Compute multipliers of the variants that differ from this one in a single axis."""
    next_address: str = ""
    """Where it says what further runs would buy; empty as long as runs of the sweep are to come, or without a law."""
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


@dataclass(frozen=True)
class LoginPage(View):
    """The form that takes a token, or who is logged in."""

    template = "login.html"
    closed: bool
    """Whether the service asks for a token."""
    name: str
    """Who is logged in; empty for nobody."""
    role: str
    """Their role; empty for nobody."""
    next: str
    """Address to go on to."""
    problem: str = ""
    """Why the last token was refused; empty if none was."""
