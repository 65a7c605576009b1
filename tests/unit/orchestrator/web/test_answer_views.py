"""Pages of further answers: what each shows, with and without one."""

from __future__ import annotations

from analysis.answers.ask import Question, ask
from analysis.answers.compare import Side, compare
from analysis.figures import compute_multiplier
from orchestrator.web.answer_views import AnswerPage, Chosen, ComparePage, RankingPage
from orchestrator.web.figure import figure
from orchestrator.web.ranking import Ranked
from orchestrator.web.render import render
from tests.unit.orchestrator.html_page import Page
from tests.unit.orchestrator.report_fixtures import law


def test_a_reply_shows_the_optimum_the_model_asked_for_and_the_compute_for_a_loss() -> None:
    question = Question(flops=3e13, max_tokens=1e6)
    page = Page(render(AnswerPage("demo", "lr=1", "flops=3e13", (), ask(law(), question), "")))
    for words in ("The best model at 3×10¹³ FLOPs", "Best with limited data", "epochs of 1 M unique tokens"):
        assert words in page.words()
    assert "/sweeps/demo?flops=3e13&variant=lr%3D1#answer" in [a["href"] for a in page.all("a")]
    loss = ask(law(), Question(loss=law().predict(1e13).loss))
    assert "Compute needed for a loss of" in Page(render(AnswerPage("demo", "", "", (), loss, ""))).words()
    assert "no law yet" in Page(render(AnswerPage("demo", "", "", (), None, "no law yet"))).words()


def test_ranked_variants_are_links_and_refusals_sentences() -> None:
    row = Ranked("lr=1", "/sweeps/demo?variant=lr%3D1", "9 k", "3.1 (3 to 3.2)", "×1.2 (×1.1 to ×1.3)", "")
    page = Page(render(RankingPage("demo", [row], "")))
    assert row.href in [a["href"] for a in page.all("a")] and row.multiplier in page.words()
    assert "cannot be ranked: too few" in Page(render(RankingPage("demo", (), "too few"))).words()


def test_a_comparison_has_a_verdict_a_chart_and_numbers() -> None:
    made = compare(Side("a", law()), Side("b", law()))
    chart = figure(compute_multiplier(made), "multiplier")
    page = Page(render(ComparePage(["a", "b"], Chosen("a"), Chosen("b@1"), made, chart, "")))
    assert "b is not clearly different" in page.words() and "spec-multiplier" in page.scripts
    assert [a for a in page.all("option") if "selected" in a] == [{"selected": ""}] * 2
    nothing = Page(render(ComparePage(["a"], Chosen(), Chosen(), None, None, "")))
    assert "Choose a baseline" in nothing.words() and "chart-themes" not in nothing.scripts
    refused = Page(render(ComparePage(["a"], Chosen("a"), Chosen("a"), None, None, "no loss in common")))
    assert "No loss in common." in refused.words()
