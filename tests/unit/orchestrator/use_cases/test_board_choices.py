"""What a member is offered to enter: their own finished runs that fit the board, by recipe."""

from __future__ import annotations

from pathlib import Path

from orchestrator.people import Actor, Role
from orchestrator.use_cases.accounts import add_user
from orchestrator.use_cases.board_choices import Choices, OpeningChoices, choices_of, opening_choices
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


def test_an_admin_chooses_from_sweeps_and_groups(tmp_path: Path) -> None:
    home = board_home(tmp_path)
    home.run("ann0", "ann")
    home.run("bob0", "bob", seed=1)
    for name, group in (("ann", "winter"), ("bob", "autumn"), ("cy", "autumn"), ("dan", "")):
        add_user(home.workspace, name, Role.SUBMITTER, group, "t", None)
    assert opening_choices(home.workspace, ADA) == OpeningChoices(("of-bob0", "of-ann0"), ("autumn", "winter"))
    assert opening_choices(home.workspace, ANN) is None
    home.workspace.close()
