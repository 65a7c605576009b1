"""Entering a board: runs are scored here, forecasts are sealed, and nobody enters what is not theirs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from orchestrator.boards import BoardError, Forecast
from orchestrator.errors import NotFound
from orchestrator.people import Forbidden
from orchestrator.use_cases import board_entries
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.board_entries import enter_forecast, enter_law, enter_runs
from orchestrator.use_cases.sweep_answers import SweepAnswers
from tests.unit.orchestrator.use_cases.board_homes import (
    ADA,
    ANN,
    BOB,
    BoardHome,
    asked,
    board_home,
    forecasts,
    scoring,
)

TYPED = Forecast(1e4, 5e4, 3.0, 2.9, 3.1)
"""Of 6·N·D = 3e9 FLOPs, half of the board's budget."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardHome]:
    """Ann and bob have a run each, and there is a board of each kind."""
    made = board_home(tmp_path_factory.mktemp("entries"))
    for seed, name in enumerate(("ann0", "ann1", "ann2")):
        made.run(name, "ann", seed=seed)
    made.run("bob0", "bob", seed=7)
    made.workspace.store.add_board(asked(), None, ADA)
    made.workspace.store.add_board(forecasts(made.dataset), None, ADA)
    made.workspace.store.add_board(forecasts(made.dataset, name="blind", target_shown=False), None, ADA)
    yield made
    made.workspace.close()


def test_runs_are_entered_with_the_scores_of_the_service(home: BoardHome) -> None:
    enter_runs(home.workspace, "speed", ["ann0", "ann1"], ANN, scoring({"ann0": 2.0, "ann1": 2.2}))
    store = home.workspace.store
    entered = store.entries(store.board("speed").id)[0].entered
    assert (entered.runs, entered.scores, entered.flops) == (("ann0", "ann1"), (2.0, 2.2), store.run("ann0").flops)


def test_a_board_takes_what_it_ranks(home: BoardHome) -> None:
    with pytest.raises(BoardError, match="board speed ranks by bits-per-byte: enter finished runs"):
        enter_forecast(home.workspace, "speed", TYPED, ANN)
    with pytest.raises(BoardError, match="board scaling ranks by forecast"):
        enter_runs(home.workspace, "scaling", ["ann2"], ANN)
    with pytest.raises(BoardError, match="from 1 to 20 runs"):
        enter_runs(home.workspace, "speed", [], ANN)


def test_an_entry_has_up_to_twenty_runs(home: BoardHome) -> None:
    with pytest.raises(NotFound, match="x0"):
        enter_runs(home.workspace, "speed", [f"x{i}" for i in range(20)], ANN)
    with pytest.raises(BoardError, match="from 1 to 20 runs"):
        enter_runs(home.workspace, "speed", [f"x{i}" for i in range(21)], ANN)


def test_a_typed_interval_holds_its_loss(home: BoardHome) -> None:
    with pytest.raises(BoardError, match="must hold the loss"):
        enter_forecast(home.workspace, "scaling", replace(TYPED, low=3.05), ANN)


def test_a_law_whose_runs_read_other_data_is_refused(home: BoardHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if some of them are on the board's."""
    store, artifacts = home.workspace.store, home.workspace.home.artifacts
    run = store.run("ann2")
    other = replace(run, config=run.config | {"dataset": "other"})
    mixed = SweepAnswers(store.sweep("of-ann2"), [run, other], artifacts, store.forecasts_of("of-ann2"))
    monkeypatch.setattr(Answering, "of", lambda *_: mixed)
    with pytest.raises(BoardError, match="of-ann2 was not trained on the dataset"):
        enter_law(home.workspace, "blind", "of-ann2", ANN)


@pytest.mark.parametrize("tokens", [2.4e4, 1.1e5])
def test_a_typed_forecast_is_of_the_boards_budget(home: BoardHome, tokens: float) -> None:
    with pytest.raises(BoardError, match="which is not the budget of 6e"):
        enter_forecast(home.workspace, "scaling", replace(TYPED, tokens=tokens), ANN)


def test_a_forecast_is_entered_once_and_needs_a_budget_that_is_shown(home: BoardHome) -> None:
    enter_forecast(home.workspace, "scaling", TYPED, ANN)
    with pytest.raises(BoardError, match="ann has an entry, which is final"):
        enter_forecast(home.workspace, "scaling", TYPED, ANN)
    with pytest.raises(BoardError, match="budget of board blind is hidden: enter the law of a sweep"):
        enter_forecast(home.workspace, "blind", TYPED, ANN)


def test_a_law_is_asked_for_the_hidden_budget(home: BoardHome, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[float] = []

    def forecast(answers: SweepAnswers, target: float) -> Forecast:
        asked_for.append(target)
        return TYPED

    monkeypatch.setattr(board_entries, "forecast_of", forecast)
    with pytest.raises(Forbidden, match="sweep of-bob0 belongs to bob"):
        enter_law(home.workspace, "blind", "of-bob0", ANN)
    enter_law(home.workspace, "blind", "of-bob0", BOB)
    store = home.workspace.store
    entered = store.entries(store.board("blind").id)[0].entered
    assert (asked_for, entered.forecast, entered.sweep) == ([6e9], TYPED, "of-bob0@aaaa0000")
