"""Boards are entered and opened by one way, whoever asks: what is scored, what is typed, and one thing at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.api import entering as module
from orchestrator.api.board_schemas import EntryAsked
from orchestrator.api.desk import Desk
from orchestrator.api.entering import SCORERS, Entering
from orchestrator.boards import BoardError
from orchestrator.use_cases import board_entries
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.execution import Execution
from tests.unit.orchestrator.use_cases.board_homes import ADA, ANN, HIDDEN, BoardHome, asked, board_home, forecasts


@pytest.fixture
def home(tmp_path: Path) -> Iterator[BoardHome]:
    made = board_home(tmp_path)
    made.workspace.store.add_board(asked(), None, ADA)
    yield made
    made.workspace.close()


def entering(home: BoardHome) -> Entering:
    return Entering(home.workspace, Desk(home.workspace, Background(Execution(home.workspace))))


def test_runs_are_scored_by_the_workshop(home: BoardHome, monkeypatch: pytest.MonkeyPatch) -> None:
    home.run("ann0", "ann")
    monkeypatch.setattr(board_entries, "score_runs", lambda runs, text: (2.5,) if text == HIDDEN else ())
    asyncio.run(entering(home).enter("speed", EntryAsked.model_validate({"runs": ["ann0"]}), ANN))
    (entry,) = home.workspace.store.entries(1)
    assert (entry.user, entry.entered.runs, entry.entered.scores) == ("ann", ("ann0",), (2.5,))


@pytest.mark.parametrize("sent", [{}, {"runs": ["ann0"], "sweep": "of-ann0"}])
def test_one_thing_is_entered(home: BoardHome, sent: dict[str, object]) -> None:
    with pytest.raises(BoardError, match="one of the three"):
        asyncio.run(entering(home).enter("speed", EntryAsked.model_validate(sent), ANN))


def test_few_are_checked_and_scored_at_a_time(home: BoardHome) -> None:
    assert entering(home)._limiter.total_tokens == SCORERS == 2


def test_a_law_is_asked_in_the_workshop(home: BoardHome, monkeypatch: pytest.MonkeyPatch) -> None:
    way = entering(home)
    monkeypatch.setattr(module, "enter_law", lambda *given: given)
    monkeypatch.setattr(module, "enter_runs", lambda *given: given)
    sent = ({"sweep": "of-ann0"}, {"runs": ["ann0"]})
    for body in sent:
        *_, by, compute = way._work("speed", EntryAsked.model_validate(body), ANN)()  # type: ignore[misc]
        assert (by, compute) == (ANN, way._desk.compute)


def test_a_board_is_opened(home: BoardHome) -> None:
    asyncio.run(entering(home).open(forecasts(home.dataset, name="new"), None, ADA))
    assert home.workspace.store.board("new").user == "ada"
