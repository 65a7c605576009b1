"""What a member is offered to enter: their own finished runs that fit the board, by recipe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.people import Actor, Role
from orchestrator.states import RunState
from orchestrator.store import NewRun
from orchestrator.use_cases import board_choices
from orchestrator.use_cases.accounts import add_user
from orchestrator.use_cases.board_choices import Choices, OpeningChoices, choices_of, opening_choices
from tests.unit.orchestrator.store_fixtures import made_cell, sweep_record
from tests.unit.orchestrator.use_cases.board_homes import ADA, ANN, asked, board_home, forecasts


def test_own_finished_runs_are_offered_by_recipe_the_best_first(tmp_path: Path) -> None:
    home = board_home(tmp_path)
    store = home.workspace.store
    flops = home.run("ann0", "ann", loss=3.0, seed=0)
    home.run("ann1", "ann", loss=3.2, seed=1)
    home.run("better", "ann", loss=2.5, d_ff=24)
    home.run("large", "ann", loss=2.0, d_model=32)
    home.run("bob0", "bob", loss=1.0, seed=5)
    store.add_board(asked(flops=flops), None, ADA)
    store.add_board(asked(name="other", corpus="0123456789abcdef"), None, ADA)
    store.add_board(forecasts(home.dataset), None, ADA)
    found = choices_of(home.workspace, "speed", ANN)
    assert [(set(each.runs), each.sweep, each.loss) for each in found.runs] == [
        ({"better"}, "of-better", 2.5),
        ({"ann0", "ann1"}, "of-ann1", 3.1),
    ]
    assert found.runs[1].flops == flops and found.sweeps == ()
    assert choices_of(home.workspace, "other", ANN) == Choices()
    assert choices_of(home.workspace, "scaling", ANN).sweeps == ("of-large", "of-better", "of-ann1", "of-ann0")
    reader = choices_of(home.workspace, "speed", Actor("rita", Role.READER))
    assert "has the role reader" in reader.refusal and reader.runs == ()
    store.close_board("speed", ADA)
    assert choices_of(home.workspace, "speed", ANN) == Choices("board speed is closed")
    home.workspace.close()


def test_the_latest_and_best_are_offered_by_what_a_user_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe of 1 % above the budget, too; a sweep whose only run waits, not."""
    home = board_home(tmp_path)
    store = home.workspace.store
    flops = home.run("ann0", "ann", loss=3.0)
    home.run("worse", "ann", loss=3.5, d_ff=24)
    store.submit(
        replace(sweep_record("of-ann0", user="ann"), revision="bbbb0000"),
        [NewRun("ann0", home.config().to_dict(), flops, None, made_cell(budget=flops))],
    )
    waiting = NewRun("waiting", home.config(seed=9).to_dict(), flops, None, made_cell(budget=flops, seed=9))
    store.submit(sweep_record("of-waiting", user="ann"), [waiting])
    store.add_board(asked(flops=flops / 1.009), None, ADA)
    store.add_board(forecasts(home.dataset), None, ADA)
    assert [each.sweep for each in choices_of(home.workspace, "speed", ANN).runs] == ["of-ann0", "of-worse"]
    assert choices_of(home.workspace, "scaling", ANN).sweeps == ("of-ann0", "of-worse", "of-ann0@aaaa0000")
    again = replace(store.run("ann0"), state=RunState.QUEUED)
    assert board_choices._recipes(home.workspace, asked(), [("s", [again])]) == (), "it is trained once more"
    monkeypatch.setattr(board_choices, "MOST", 1)
    assert [each.loss for each in choices_of(home.workspace, "speed", ANN).runs] == [3.0]
    monkeypatch.setattr(board_choices, "SWEEPS", 2)
    assert choices_of(home.workspace, "scaling", ANN).sweeps == ("of-ann0",), "the latest two, one of which waits"


def test_an_admin_chooses_from_sweeps_and_groups(tmp_path: Path) -> None:
    home = board_home(tmp_path)
    home.run("ann0", "ann")
    home.run("bob0", "bob", seed=1)
    for name, group in (("ann", "winter"), ("bob", "autumn"), ("cy", "autumn"), ("dan", "")):
        add_user(home.workspace, name, Role.SUBMITTER, group, "t", None)
    assert opening_choices(home.workspace, ADA) == OpeningChoices(("of-bob0", "of-ann0"), ("autumn", "winter"))
    assert opening_choices(home.workspace, ANN) is None
    home.workspace.close()
