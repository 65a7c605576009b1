"""Boards in the database: who may enter and when; closed once by its clock, whatever that does afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.boards import BoardError, Forecast, NewEntry, Outcome
from orchestrator.errors import NotFound
from orchestrator.people import ITSELF, Forbidden, Role
from orchestrator.store import Store
from tests.unit.orchestrator.use_cases.board_homes import ADA, ANN, BOB, asked, forecasts

ENTRY = NewEntry(runs=("run0", "run1"), flops=1e9, scores=(2.0, 2.1))


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def boards(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    """A store with a board that closes at 2000."""
    store = Store(tmp_path / "b.db", clock=clock)
    store.add_board(asked(closes_at=2000.0), None, ADA)
    yield store
    store.close()


def actions(store: Store) -> list[tuple[str, str]]:
    """What was done by whom to boards, the first first."""
    return [(entry.action, entry.user) for entry in reversed(store.audit()) if entry.action.startswith("board")]


def test_what_is_stored_comes_back(boards: Store) -> None:
    boards.add_entry("speed", ENTRY, ANN)
    board = boards.board("speed")
    assert (board.user, board.asked, board.closed_at) == ("ada", asked(closes_at=2000.0), None)
    (entry,) = boards.entries(board.id)
    assert (entry.user, entry.entered_at, entry.entered) == ("ann", 1000.0, ENTRY)
    assert [each.asked.name for each in boards.boards()] == ["speed"]
    with pytest.raises(NotFound, match="there is no board 'none'"):
        boards.board("none")


def test_a_name_is_taken_and_the_past_is_refused(boards: Store) -> None:
    with pytest.raises(BoardError, match="there is a board speed already"):
        boards.add_board(asked(), None, ADA)
    with pytest.raises(BoardError, match="has passed"):
        boards.add_board(asked(name="late", closes_at=1000.0), None, ADA)


def test_a_board_closes_once_by_the_databases_clock_and_for_good(boards: Store, clock: Clock, tmp_path: Path) -> None:
    boards.add_entry("speed", ENTRY, ANN)
    clock.now = 2000.0
    with pytest.raises(BoardError, match="is closed"):
        boards.add_entry("speed", NewEntry(runs=("run2",), scores=(2.0,)), ANN)
    clock.now = 1500.0  # set back, as by a restart on a machine with another clock
    again = Store(tmp_path / "b.db", clock=clock)
    assert again.board("speed").closed_at == 2000.0
    with pytest.raises(BoardError, match="is closed"):
        again.check_entry("speed", ANN)
    with pytest.raises(BoardError, match="closed already"):
        again.close_board("speed", ADA)
    assert actions(again) == [("board open", "ada"), ("board enter", "ann"), ("board close", ITSELF.name)]
    assert len(again.entries(again.board("speed").id)) == 1
    again.close()


def test_a_board_that_closed_while_nobody_ran_is_closed_when_it_is_read(
    boards: Store, clock: Clock, tmp_path: Path
) -> None:
    boards.close()
    clock.now = 9000.0
    reader = Store(tmp_path / "b.db", reading=True, clock=clock)
    assert reader.board("speed").closed_at == 2000.0, "whoever may only read sees it closed, too"
    reader.close()
    again = Store(tmp_path / "b.db", clock=clock)
    assert [again.boards()[0].closed_at, again.board("speed").closed_at] == [9000.0, 9000.0]
    assert actions(again).count(("board close", ITSELF.name)) == 1
    again.close()


def test_an_admin_closes_a_board_before_its_time(boards: Store) -> None:
    boards.close_board("speed", ADA)
    with pytest.raises(BoardError, match="is closed"):
        boards.add_entry("speed", ENTRY, ANN)
    assert actions(boards)[-1] == ("board close", "ada")


def test_a_member_has_so_many_entries_and_a_run_is_entered_once(boards: Store) -> None:
    boards.add_board(asked(name="two", entries=2), None, ADA)
    boards.add_entry("two", ENTRY, ANN)
    with pytest.raises(BoardError, match="ann has entered one of these runs already"):
        boards.add_entry("two", NewEntry(runs=("run1",), scores=(2.0,)), ANN)
    boards.add_entry("two", NewEntry(runs=("run2",), scores=(2.0,)), ANN)
    with pytest.raises(BoardError, match="ann has 2 entries, as many as the board allows"):
        boards.add_entry("two", NewEntry(runs=("run3",), scores=(2.0,)), ANN)
    boards.add_entry("two", ENTRY, BOB)


def test_a_board_for_a_group_is_for_its_members(boards: Store) -> None:
    boards.add_board(asked(name="class", group="cs"), None, ADA)
    boards.add_account("ann", Role.SUBMITTER, "cs", ITSELF)
    boards.add_account("bob", Role.SUBMITTER, "other", ITSELF)
    boards.add_entry("class", ENTRY, ANN)
    with pytest.raises(Forbidden, match="for the group cs, and bob is not in it"):
        boards.check_entry("class", BOB)


def test_forecasts_are_decided_once_after_the_board_has_closed(boards: Store) -> None:
    outcome = Outcome("truth@1", 10, 20, 3.0, 2, 0.1, 4)
    boards.add_board(forecasts("d"), None, ADA)
    forecast = Forecast(1e5, 1e4, 3.0, 2.9, 3.1)
    boards.add_entry("scaling", NewEntry(flops=1e9, forecast=forecast), ANN)
    with pytest.raises(BoardError, match="ann has an entry, which is final"):
        boards.add_entry("scaling", NewEntry(flops=1e9, forecast=forecast), ANN)
    with pytest.raises(BoardError, match="is open"):
        boards.decide_board("scaling", outcome, ADA)
    boards.close_board("scaling", ADA)
    boards.decide_board("scaling", outcome, ADA)
    with pytest.raises(BoardError, match="was decided by truth@1"):
        boards.decide_board("scaling", outcome, ADA)
    board = boards.board("scaling")
    assert board.outcome == outcome and boards.entries(board.id)[0].entered.forecast == forecast


def test_the_log_says_nothing_of_what_is_hidden(boards: Store) -> None:
    boards.add_board(forecasts("d", target=7654321.0, target_shown=False), None, ADA)
    boards.add_entry("scaling", NewEntry(flops=1e9, forecast=Forecast(1e5, 1e4, 3.14159, 2.9, 3.2)), ANN)
    log = repr(boards.audit())
    assert "board enter" in log and not any(secret in log for secret in ("7654321", "7.65432e+06", "3.14159", "größer"))
