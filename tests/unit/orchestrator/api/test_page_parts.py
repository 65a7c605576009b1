"""The computed parts of a page: charts with addresses, and nothing where there is no law."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

from analysis.suggest.records import Precision
from orchestrator.api.page_parts import further_runs, page_parts
from orchestrator.use_cases import sweep_answers
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.sweep_answers import SweepAnswers
from sweeps.plan.rounds import Round, Stop
from tests.unit.orchestrator.use_cases.homes import small_home
from tests.unit.orchestrator.use_cases.simulated import simulated_answers

answers = simulated_answers()


def test_each_plot_of_a_law_has_an_address_and_a_specification() -> None:
    parts = page_parts(pickle.loads(pickle.dumps(answers)), "", "s@abcd")  # it may be made by another process
    plots = [panel for figure in parts.figures.values() for panel in figure.panels]
    assert {panel.source for panel in plots} == {f"/sweeps/s%40abcd/figures/{name}.json" for name in parts.specs}
    assert "isoflop" in parts.specs and all(panel.spec == {} for panel in plots)
    assert json.loads(parts.specs["isoflop"].body)["width"] == "container"
    assert pickle.loads(pickle.dumps(parts)).figures.keys() == parts.figures.keys()


def test_without_a_law_there_is_nothing_to_draw(tmp_path: Path) -> None:
    parts = page_parts(Answering(small_home(tmp_path)).of("demo"), "", "demo")
    assert not parts.figures and not parts.specs and not parts.comparisons


def test_the_page_of_an_adaptive_sweep_has_its_course(tmp_path: Path) -> None:
    stored = Answering(small_home(tmp_path)).of("demo")
    source = "name: demo\nbudgets: [1e11]\nadaptive: {ask: 1e12, spend: 1e13}\n"
    rounds = (Round(("run0",), 0.0), Round((), 1e11, Precision(0.2, 0.1), stop=Stop.SPENT))
    shown = SweepAnswers(replace(stored.sweep, source=source, rounds=rounds), stored.runs, tmp_path)
    assert set(page_parts(shown, "", "demo").figures) == {"course"}


def test_an_outlook_is_a_table_or_nothing(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(sweep_answers, "outlook", lambda *_: None)
    assert further_runs(answers, "") is None
