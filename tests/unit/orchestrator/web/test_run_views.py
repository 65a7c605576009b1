"""Pages of runs: one with everything that is known, and several on top of each other."""

from __future__ import annotations

from orchestrator.web.figure import Figure, Panel
from orchestrator.web.render import render
from orchestrator.web.run_facts import Attempt, Fact, LogLine
from orchestrator.web.run_views import CurvesPage
from tests.unit.orchestrator.html_page import HOSTILE, Page

CHART = Figure("training", "Training curves", ("Diamonds.",), (Panel("training", {"mark": "line"}, "a curve"),))


def test_one_run_is_shown_with_all_that_is_known() -> None:
    attempt = Attempt(1, "worker-0", "now", "4 s", "lost", HOSTILE)
    known = ([Fact("loss", "3.2")], [Fact("train.lr", "0.01")], [attempt], [LogLine(1, "progress", "step 5")])
    page = Page(render(CurvesPage(["ab12"], "flops", CHART, "", *known)))
    for words in ("Run ab12", "train.lr", "worker-0", "step 5", "Diamonds."):
        assert words in page.words()
    assert not page.all("b") and [a["value"] for a in page.all("option") if "selected" in a] == ["flops"]
    assert page.all("form")[0]["action"] == "/runs/ab12"


def test_several_runs_keep_their_ids_in_the_form() -> None:
    page = Page(render(CurvesPage(["ab", "cd"], "tokens", CHART, "")))
    assert [a["value"] for a in page.all("input")] == ["ab", "cd"] and "/runs/cd" in [a["href"] for a in page.all("a")]
    nothing = Page(render(CurvesPage([], "tokens", None, "No run was chosen.")))
    assert "No run was chosen." in nothing.words() and not nothing.all("form")
