"""What the templates of runs receive: a part of a sweep's runs, one run, and the curves of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from orchestrator.web.figure import Figure
from orchestrator.web.run_facts import Attempt, Fact, LogLine
from orchestrator.web.runs_table import RunsTable
from orchestrator.web.views import Slice, View


@dataclass(frozen=True)
class RunsPage(View):
    """The runs of a sweep, or a part of them."""

    template: ClassVar[str] = "runs.html"
    name: str
    """What addresses call the sweep."""
    runs: RunsTable
    """The runs of this part."""
    part: Slice
    """Which part of all those wanted they are."""


@dataclass(frozen=True)
class CurvesPage(View):
    """The training curves of one run with its facts, or of several runs."""

    template: ClassVar[str] = "run.html"
    ids: Sequence[str]
    """The runs."""
    against: str
    """What the curves are drawn against."""
    chart: Figure | None
    """Their curves; None if nothing was logged."""
    error: str
    """Why there are none."""
    facts: Sequence[Fact] = ()
    """What is known of the one run; empty for several."""
    configuration: Sequence[Fact] = ()
    """How it is trained."""
    attempts: Sequence[Attempt] = ()
    """Its attempts."""
    log: Sequence[LogLine] = ()
    """The latest of what it logged."""
