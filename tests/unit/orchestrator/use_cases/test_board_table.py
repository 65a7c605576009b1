"""What somebody sees of a board, and what nobody sees before it closes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.boards import Forecast, NewEntry
from orchestrator.people import Actor, Role
from orchestrator.use_cases.accounts import add_user, revoke
from orchestrator.use_cases.board_table import board_of, boards_of, view_json
from tests.unit.orchestrator.use_cases.board_homes import ADA, ANN, BOB, BoardHome, asked, board_home, forecasts

SECRET = Forecast(123457.0, 7654321.0, 3.14159, 3.02711, 3.29873)
HIDDEN = ("7.1234e9", "7123400000", "123457", "7654321", "3.14159", "3.02711", "3.29873", "größer")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[BoardHome]:
    """A blind board of forecasts in which ann entered a law, one whose budget is shown, and one of runs."""
    made = board_home(tmp_path)
    store = made.workspace.store
    store.add_board(forecasts(made.dataset, name="blind", target=7.1234e9, target_shown=False), None, ADA)
    store.add_entry("blind", NewEntry(sweep="hers@1", flops=1e9, forecast=SECRET), ANN)
    store.add_board(forecasts(made.dataset), None, ADA)
    store.add_entry("scaling", NewEntry(flops=1e9, forecast=SECRET), ANN)
    store.add_board(asked(), None, ADA)
    store.add_entry("speed", NewEntry(runs=("run0",), flops=1e9, scores=(2.5,)), ANN)
    yield made
    made.workspace.close()


def seen(home: BoardHome, viewer: Actor) -> str:
    """All that somebody sees of all boards."""
    views = [board_of(home.workspace, name, viewer) for name in ("blind", "scaling", "speed")]
    return json.dumps([view_json(view) for view in [*views, *boards_of(home.workspace, viewer)]], ensure_ascii=False)


def test_nobody_else_sees_a_forecast_or_the_hidden_budget_before_the_close(home: BoardHome) -> None:
    for viewer in (BOB, ADA):
        shown = seen(home, viewer)
        secrets = [secret for secret in HIDDEN if secret in shown]
        assert secrets == ([] if viewer is BOB else ["7123400000"]), "the admin knows the budget and no forecast"
    assert board_of(home.workspace, "blind", ADA).target == 7.1234e9


def test_members_see_what_they_typed_and_of_a_law_that_it_is_sealed(home: BoardHome) -> None:
    (typed,) = board_of(home.workspace, "scaling", ANN).own
    assert (typed.params, typed.loss) == (SECRET.params, SECRET.loss)
    (law,) = board_of(home.workspace, "blind", ANN).own
    assert (law.sweep, law.params, law.tokens, law.loss, law.loss_interval) == ("hers@1", None, None, None, None)


def test_everything_but_the_hidden_file_is_shown_after_the_close(home: BoardHome) -> None:
    for name in ("blind", "scaling", "speed"):
        home.workspace.store.close_board(name, ADA)
    shown = seen(home, BOB)
    assert "größer" not in shown and "A sentence that nobody" not in shown
    assert all(secret in shown for secret in ("7123400000", "123457", "3.14159"))
    view = board_of(home.workspace, "blind", BOB)
    assert [(row.user, row.place) for row in view.table] == [("ann", None)] and view.own == ()


def test_a_budget_that_is_shown_is_seen_by_all_and_members_are_counted_once(home: BoardHome) -> None:
    store = home.workspace.store
    store.add_board(forecasts(home.dataset, name="two", entries=2), None, ADA)
    for _ in range(2):
        store.add_entry("two", NewEntry(sweep="hers@1", flops=1e9, forecast=SECRET), ANN)
    assert (board_of(home.workspace, "two", BOB).target, board_of(home.workspace, "two", BOB).entrants) == (6e9, 1)
    assert [each.loss for each in board_of(home.workspace, "two", ANN).own] == [SECRET.loss] * 2, "of a law, too"


def test_a_table_of_runs_is_shown_at_once(home: BoardHome) -> None:
    view = board_of(home.workspace, "speed", BOB)
    assert [(row.user, row.score) for row in view.table] == [("ann", 2.5)] and view.entrants == 1
    assert view_json(view)["table"][0]["score_interval"] is None


def test_a_group_has_its_open_accounts_as_members(home: BoardHome) -> None:
    store = home.workspace.store
    store.add_board(asked(name="theirs", group="autumn"), None, ADA)
    assert board_of(home.workspace, "theirs", BOB).group_members == 0
    for name in ("ann", "bob"):
        add_user(home.workspace, name, Role.SUBMITTER, "autumn", "t", None)
    revoke(home.workspace, "bob", None)
    members = {each.name: each.group_members for each in boards_of(home.workspace, BOB)}
    assert members == {"theirs": 1, "speed": None, "scaling": None, "blind": None}
