"""What is done ahead: an answer of each kind, so that the first visitor waits for nothing else than theirs."""

from __future__ import annotations

from pathlib import Path

from analysis.answers.ask import Question
from analysis.figures import drawn, picture
from orchestrator.api.page_parts import page_parts
from orchestrator.use_cases.warm_up import sample_answers
from orchestrator.web.render import environment

PAGES = ("index.html", "sweep.html")
"""Templates of the pages that are seen first."""


def warm_up(artifacts: Path) -> None:
    """Fit a law, draw it and answer by it in a process of the workshop: afterwards, all that this needs is loaded."""
    answers = sample_answers(artifacts)
    page_parts(answers, "", answers.sweep.name)
    drawn(picture("isoflop", answers.law()), ".svg")
    answers.reply("", Question(flops=10 * answers.law().largest_budget))


def warm_up_pages(artifacts: Path) -> None:
    """The same for the service's own process: compile the templates that are seen first, and read a sweep file."""
    _ = sample_answers(artifacts).spec
    for name in PAGES:
        environment().get_template(name)
