"""What the templates of further answers receive: one question, further runs, ranked variants, two sweeps compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from analysis.answers.ask import Reply
from analysis.answers.compare import Comparison
from orchestrator.web.figure import Figure
from orchestrator.web.next_runs import NextTable
from orchestrator.web.ranking import Ranked
from orchestrator.web.views import View


@dataclass(frozen=True)
class AnswerPage(View):
    """The reply to one question."""

    template: ClassVar[str] = "answer.html"
    name: str
    """What addresses call the sweep."""
    variant: str
    """Label of the variant; empty if nothing varies."""
    question: str
    """The question as part of an address."""
    known: Sequence[str]
    """Warnings of the law, which the page of the sweep has already."""
    reply: Reply | None
    """The reply; None with an error."""
    error: str
    """Why there is none."""


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
class RankingPage(View):
    """The variants of a sweep in the order of their worth."""

    template: ClassVar[str] = "variants.html"
    name: str
    """What addresses call the sweep."""
    ranking: Sequence[Ranked]
    """The variants, the best first."""
    error: str
    """Why there are none."""


@dataclass(frozen=True)
class Chosen:
    """One side of a comparison, as it was asked for."""

    sweep: str = ""
    """What addresses call the sweep; empty as long as none was chosen."""
    variant: str = ""
    """Label of the variant; empty for the sweep's only one, or its first."""


@dataclass(frozen=True)
class ComparePage(View):
    """Two sweeps, or two variants, against each other."""

    template: ClassVar[str] = "compare.html"
    sweeps: Sequence[str]
    """What can be chosen."""
    baseline: Chosen
    """What is compared with."""
    other: Chosen
    """What is compared."""
    comparison: Comparison | None
    """The compute multiplier; None as long as there is none."""
    chart: Figure | None
    """It as a chart."""
    error: str
    """Why there is none; empty also if nothing was asked."""
