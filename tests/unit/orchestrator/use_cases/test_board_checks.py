"""What is checked of entered runs: owner, state, data, FLOPs counted again, unique tokens, seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from orchestrator.boards import BoardError, Metric
from orchestrator.people import Forbidden
from orchestrator.store import NewRun, RunRecord
from orchestrator.use_cases.board_checks import behind_forecast, check_runs, data_hash
from tests.unit.orchestrator.store_fixtures import made_cell, sweep_record
from tests.unit.orchestrator.use_cases.board_homes import CORPUS, BoardHome, asked, board_home, forecasts


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardHome]:
    """Ann has two seeds of one recipe, a wider model, and a run that waits; bob has one run."""
    made = board_home(tmp_path_factory.mktemp("checks"))
    for name, seed in (("ann0", 0), ("ann1", 1)):
        made.run(name, "ann", seed=seed)
    made.run("wide0", "ann", d_model=32)
    made.run("bob0", "bob", seed=7)
    waiting = NewRun("waiting", made.config(seed=9).to_dict(), 1e9, None, made_cell(budget=1e9, seed=9))
    made.workspace.store.submit(sweep_record("of-waiting", user="ann"), [waiting])
    yield made
    made.workspace.close()


def runs(home: BoardHome, *names: str) -> list[RunRecord]:
    return [home.workspace.store.run(name) for name in names]


def test_seeds_of_one_recipe_pass_with_the_flops_of_one(home: BoardHome) -> None:
    flops = check_runs(home.workspace, asked(), runs(home, "ann0", "ann1"), "ann")
    assert flops == home.workspace.store.run("ann0").flops > 0


@pytest.mark.parametrize(
    ("changes", "names", "message"),
    [
        ({}, ("ann0", "wide0"), "differ by more than their seed"),
        ({}, ("ann0", "ann0"), "named twice"),
        ({}, ("ann0", "waiting"), "run waiting is queued: only finished runs are entered"),
        ({"corpus": "0" * 16}, ("ann0",), f"run ann0 was trained on the corpus {CORPUS}, and the board is for 0000"),
        ({"flops": 1e6}, ("ann0",), "above the board's budget of 1e\\+06"),
        ({"unique_tokens": 199}, ("ann0",), "run ann0 saw 20. different tokens, above the board's 199"),
    ],
)
def test_what_does_not_fit_the_board_is_refused(
    home: BoardHome, changes: dict[str, object], names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(BoardError, match=message):
        check_runs(home.workspace, asked(**changes), runs(home, *names), "ann")


def test_another_members_run_is_refused(home: BoardHome) -> None:
    with pytest.raises(Forbidden, match="run bob0 is in no sweep of ann"):
        check_runs(home.workspace, asked(), runs(home, "bob0"), "ann")


@pytest.mark.parametrize("factor", [0.99, 1.01])
def test_flops_that_were_stored_otherwise_are_refused(home: BoardHome, factor: float) -> None:
    (run,) = runs(home, "ann0")
    with pytest.raises(BoardError, match=r"run ann0 is stored with .* FLOPs, and counted again it has .*: it cannot"):
        check_runs(home.workspace, asked(), [replace(run, flops=run.flops * factor)], "ann")


def test_a_board_leaves_room_for_whole_sequences_and_takes_what_it_allows(home: BoardHome) -> None:
    """1 % above the budget of a run, or of all behind a forecast; as many different tokens as the board has."""
    (run,), total = runs(home, "ann0"), behind_forecast(home.workspace, forecasts(home.dataset), "ann")
    assert check_runs(home.workspace, asked(flops=run.flops / 1.009, unique_tokens=200), [run], "ann") == run.flops
    assert behind_forecast(home.workspace, forecasts(home.dataset, flops=total / 1.009), "ann") == total
    with pytest.raises(BoardError, match="above the board's budget"):
        check_runs(home.workspace, asked(flops=run.flops / 1.011), [run], "ann")
    with pytest.raises(BoardError, match="above the board's budget"):
        behind_forecast(home.workspace, forecasts(home.dataset, flops=total / 1.011), "ann")


def test_a_forecast_rests_on_all_of_a_members_runs_on_the_dataset(home: BoardHome) -> None:
    store, board = home.workspace.store, forecasts(home.dataset)
    total = sum(store.run(name).flops for name in ("ann0", "ann1", "wide0"))
    assert behind_forecast(home.workspace, board, "ann") == pytest.approx(total)
    with pytest.raises(BoardError, match="tom has no finished run on the dataset"):
        behind_forecast(home.workspace, board, "tom")
    with pytest.raises(BoardError, match="the runs of ann took"):
        behind_forecast(home.workspace, forecasts(home.dataset, flops=total / 2), "ann")


def test_runs_are_compared_by_corpus_and_forecasts_by_dataset(home: BoardHome) -> None:
    assert data_hash(home.workspace, home.dataset, Metric.BITS) == CORPUS
    assert data_hash(home.workspace, home.dataset, Metric.FORECAST) == home.dataset
    with pytest.raises(BoardError, match="the dataset gone cannot be checked"):
        data_hash(home.workspace, "gone", Metric.BITS)
