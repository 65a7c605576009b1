"""What each template receives: one frozen record per page, whose fields are the template's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar
from urllib.parse import urlencode

from analysis.answers.ask import Reply
from analysis.law import Law
from analysis.records import Prediction
from orchestrator.scheduling.progress import LiveRun
from orchestrator.states import SweepState
from orchestrator.use_cases.trust import Finding
from orchestrator.use_cases.until_law import Awaited
from orchestrator.web.figure import Figure
from orchestrator.web.question import Typed
from orchestrator.web.revisions import Revision
from orchestrator.web.runs_table import RunsTable
from orchestrator.web.sliders import Sliders
from orchestrator.web.tables import DroppedRow
from orchestrator.web.variants import Axis

STARTER = """\
# A small sweep on the standard library's own sources: change it, and the plan beside it follows.
name: my-first-sweep
budgets: [2e9, 4e9, 8e9]        # training FLOPs of a run
sizes: {count: 5, span: 2.5}    # from centre ÷ 2.5 to centre × 2.5
centre: {params_at: {4e9: 9e3}, exponent: 0.5}
recipe: cpu-small
corpus: {source: python, max_bytes: 8e6}
tokenizer: {kind: bpe, vocab: 320}
context: 64
seeds: {smallest_budget: 2, largest_budget: 2}
"""
"""Sweep file with which the box begins."""
ACTIONS = (
    ("pause", "give it no worker until it is resumed; runs in training leave a checkpoint"),
    ("resume", "let it continue"),
    ("cancel", "end it; runs in training leave a checkpoint"),
    ("retry", "queue failed and cancelled runs again, from their checkpoints"),
)
"""The controls of a sweep, and what each does."""
_ALLOWED: Mapping[SweepState, tuple[str, ...]] = {
    SweepState.QUEUED: ("pause", "cancel"),
    SweepState.RUNNING: ("pause", "cancel"),
    SweepState.PAUSED: ("resume", "cancel"),
    SweepState.CANCELLED: ("retry",),
    SweepState.INCOMPLETE: ("retry",),
    SweepState.DONE: (),
}


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
    user: str = ""
    """Who submitted it; empty if that is not known."""
    cancelled: int = 0
    """Runs that were cancelled."""
    training: tuple[LiveRun, ...] = ()
    """Runs in training: who trains them, and how far they are."""

    @property
    def actions(self) -> tuple[tuple[str, str], ...]:
        """The controls that its state allows: the verb of the address, and why one would want it."""
        return tuple((verb, why) for verb, why in ACTIONS if verb in _ALLOWED[self.state] or self._again(verb))

    def _again(self, verb: str) -> bool:
        """Whether there are runs to be tried again."""
        return verb == "retry" and bool(self.failed or self.cancelled)


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
    query: str = ""
    """Further part of the pages' addresses; empty for none."""

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
        return self._page(max(self.offset - self.length, 0)) if self.offset else ""

    @property
    def later(self) -> str:
        """Address of the page after; empty on the last."""
        return self._page(self.offset + self.length) if self.last < self.total else ""

    def _page(self, offset: int) -> str:
        """Address of the page that begins at an offset."""
        return f"{self.path}?{self.query}{'&' if self.query else ''}offset={offset}"


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which sweeps a list shows, and in which order."""

    name: str = ""
    """Text that their names have in them; empty for all."""
    state: str = ""
    """Their state; empty for all."""
    user: str = ""
    """Who submitted them; empty for all."""
    sort: str = "-submitted_at"
    """By what they are sorted, `-` for descending."""

    @property
    def narrows(self) -> bool:
        """Whether it leaves any sweep out."""
        return bool(self.name or self.state or self.user)

    @property
    def query(self) -> str:
        """It as part of an address; empty for the whole list."""
        usual = ListFilter()
        return urlencode(
            {f.name: value for f in fields(self) if (value := getattr(self, f.name)) != getattr(usual, f.name)}
        )

    def by(self, column: str) -> str:
        """Address of the list sorted by a column; the other way round if it is sorted by it already."""
        sort = f"-{column}" if self.sort == column else column
        return f"/?{replace(self, sort=sort).query}"


@dataclass(frozen=True)
class IndexPage(View):
    """All sweeps, or a part of them."""

    template: ClassVar[str] = "index.html"
    sweeps: Sequence[SweepStatus]
    """The sweeps of this part."""
    base_url: str
    """Address of the service, for the command that submits a sweep."""
    part: Slice
    """Which part of all those wanted they are."""
    wanted: ListFilter = field(default_factory=ListFilter)
    """Which are wanted."""
    states: Sequence[str] = tuple(SweepState)
    """States that one can ask for."""
    users: Sequence[str] = ()
    """Who has submitted sweeps."""
    draft: str = STARTER
    """Sweep file in the box."""
    drafted_from: str = ""
    """Sweep whose file that is; empty for an example."""


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
    """One sweep: what it does, what it answers and how far to trust that, its charts and its runs."""

    template: ClassVar[str] = "sweep.html"
    sweep: SweepStatus
    """The sweep and how far it is."""
    revision: str
    """Its content hash, shortened."""
    runs: RunsTable
    """Its first runs."""
    source: str = ""
    """The sweep file."""
    plan_warnings: Sequence[str] = ()
    """What the plan warned of."""
    revisions: Sequence[Revision] = ()
    """All revisions, the latest first, with what each changed."""
    dropped: Sequence[DroppedRow] = ()
    """The first cells of its grid that do not run."""
    dropped_total: int = 0
    """All of these cells."""
    unique_tokens: int = 0
    """Different training tokens of its corpus: with which the question about limited data begins."""
    until_law: str = ""
    """From which point on a law is possible; empty once there is one."""
    awaited: Sequence[Awaited] = ()
    """How much of each budget's curve there is."""
    law: Law | None = None
    """The law so far; None as long as there is too little to fit."""
    refusal: str = ""
    """Why there is no law."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """Charts by name."""
    published: bool = False
    """Whether published laws are drawn next to this one."""
    comparisons: Sequence[Figure] = ()
    """Compute multipliers of the variants that differ from this one in a single axis."""
    ranking_address: str = ""
    """Where the variants are ranked; empty where nothing varies or there is no law."""
    next_address: str = ""
    """Where it says what further runs would buy; empty as long as runs of the sweep are to come, or without a law."""
    unasked: Sequence[Prediction] = ()
    """Answers at multiples of the largest budget, which nobody has to ask for."""
    sliders: Sliders | None = None
    """Within which budgets, models and tokens sliders ask; None without a law."""
    trust: Sequence[Finding] = ()
    """How far the law can be trusted, the doubts first."""
    asked: Typed = field(default_factory=Typed)
    """The question, as it was typed."""
    devices: Sequence[str] = ()
    """Devices that hours can be asked for."""
    reply: Reply | None = None
    """The law's reply."""
    error: str = ""
    """Why there is none."""
    variant: str = ""
    """Label of the variant that is shown; empty if nothing varies."""
    loss_key: str = ""
    """Which loss its law is of, such as `loss.code`; empty for that of the validation text."""
    choices: Sequence[Axis] = ()
    """Links to the other variants, by axis, and to the laws of other losses."""


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
