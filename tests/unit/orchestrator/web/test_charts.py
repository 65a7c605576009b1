"""The charts of a law, and the multipliers between variants: made, or refused with the reason."""

from __future__ import annotations

import pytest

from analysis.figures import charts
from analysis.records import LawError
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.web.charts import law_figures, multiplier_figures
from tests.unit.orchestrator.report_fixtures import law
from tests.unit.orchestrator.use_cases.simulated import simulated_answers


@pytest.fixture(scope="module")
def answers() -> SweepAnswers:
    return simulated_answers(vary={"context": [128, 64]})


def test_every_chart_of_a_law_is_a_figure_of_its_name() -> None:
    made = law_figures(law(), "demo")
    assert list(made) == list(charts(law()))
    assert "demo" in made["isoflop"].title
    assert all(figure.name == name and figure.panels for name, figure in made.items())


def test_a_neighbour_is_compared_with_the_variant_that_is_shown(answers: SweepAnswers) -> None:
    (made,) = multiplier_figures(answers, "context=128")
    assert made.name == "multiplier-1"
    assert made.title == "Compute multiplier of context=64 over context=128"
    assert [panel.id for panel in made.panels] == ["multiplier-1"]
    assert made.notes[-1].startswith("Verdict at ") and made.notes[-1].endswith("settled: context=128 is better.")


def test_a_comparison_that_is_refused_is_a_figure_without_panels(
    answers: SweepAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise LawError("the losses never meet")

    monkeypatch.setattr("orchestrator.web.charts.compare", refuse)
    (made,) = multiplier_figures(answers, "context=64")
    assert (made.title, made.notes, made.panels) == ("context=128 over context=64", ("the losses never meet.",), ())


def test_an_unknown_variant_has_no_neighbours(answers: SweepAnswers) -> None:
    assert multiplier_figures(answers, "context=9") == []
