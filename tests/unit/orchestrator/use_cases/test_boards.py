"""Boards are opened on the data of a sweep, with a baseline, and forecasts are decided by the best size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from model.flops import count_parameters, flops_per_token
from orchestrator.boards import Baseline, BoardError
from orchestrator.errors import NotFound
from orchestrator.people import AccountError
from orchestrator.states import RunState
from orchestrator.store import NewRun
from orchestrator.use_cases.board_scores import Weights
from orchestrator.use_cases.boards import _decides, _outcome, close_board, decide_board, open_board
from tests.unit.orchestrator.store_fixtures import made_cell, sweep_record
from tests.unit.orchestrator.use_cases.board_homes import ADA, CORPUS, HIDDEN, BoardHome, asked, board_home, forecasts
from tests.unit.orchestrator.use_cases.homes import finish
from tokenizer.errors import ExpectedError

BASELINE = Baseline("lab@aaaa0000", (1.0, 2.0), (3.0, 2.0), (0.1, 0.1), 9.0, None, 0)
SIZES = {"n1": {"d_model": 8}, "n2": {"d_model": 16}, "n3": {"d_model": 24}}


@pytest.fixture
def home(tmp_path: Path) -> BoardHome:
    return board_home(tmp_path)


def submitted(home: BoardHome, name: str) -> None:
    """A sweep without runs on the dataset."""
    home.workspace.store.submit(replace(sweep_record(name, user="ann"), dataset=home.dataset), [])


def test_a_board_is_for_the_data_of_a_sweep_or_for_a_hash(home: BoardHome) -> None:
    submitted(home, "lab")
    open_board(home.workspace, asked(corpus="lab"), None, ADA)
    open_board(home.workspace, asked(name="hashed"), None, ADA)
    open_board(home.workspace, forecasts("lab"), None, ADA)
    store = home.workspace.store
    assert [store.board(name).asked.corpus for name in ("speed", "hashed", "scaling")] == [CORPUS, CORPUS, home.dataset]


@pytest.mark.parametrize(
    ("changes", "baseline", "error", "field"),
    [
        ({"name": "No Name"}, None, AccountError("board 'No Name'"), "name"),
        ({"name": "speed"}, None, BoardError("there is a board speed already"), "name"),
        ({"group": "No Name"}, None, AccountError("group 'No Name'"), "group"),
        ({"corpus": "nothing"}, None, NotFound("there is no sweep 'nothing'"), "corpus"),
        ({}, "nothing", NotFound("there is no sweep 'nothing'"), "baseline"),
        ({"closes_at": 1.0}, None, BoardError("the closing time has passed"), "closes"),
    ],
)
def test_what_is_refused_names_its_field(
    home: BoardHome, changes: dict[str, Any], baseline: str | None, error: ExpectedError, field: str
) -> None:
    open_board(home.workspace, asked(), None, ADA)
    with pytest.raises(type(error), match=str(error)) as caught:
        open_board(home.workspace, asked(**{"name": "x", **changes}), baseline, ADA)
    assert caught.value.field == field


def test_the_runs_of_a_baseline_are_scored_on_the_hidden_file(home: BoardHome) -> None:
    submitted(home, "lab")
    given: list[object] = []

    def compute(function: object, *arguments: object) -> Baseline:
        given.extend((getattr(function, "__name__", ""), arguments[0], arguments[3]))
        return BASELINE

    open_board(home.workspace, asked(corpus="lab"), "lab", ADA, compute)
    assert given == ["baseline_of", "lab@aaaa0000", HIDDEN]
    assert home.workspace.store.board("speed").baseline == BASELINE
    with pytest.raises(BoardError, match="not trained on the corpus 0000"):
        open_board(home.workspace, asked(name="x", corpus="0" * 16), "lab", ADA, compute)
    with pytest.raises(BoardError, match="a baseline is for boards of bits per byte"):
        open_board(home.workspace, forecasts("lab"), "lab", ADA)


def decided(home: BoardHome, losses: dict[str, float]) -> float:
    """A closed board, and runs of three sizes at its budget in one sweep; returns the budget."""
    budget, runs = 32 * 8 * flops_per_token(home.config(d_model=16).model), []
    for name in losses:
        size, seed = name.split("-")
        rate = flops_per_token(home.config(**SIZES[size]).model)
        config = home.config(int(seed), round(budget / rate / 32), **SIZES[size])
        flops = config.tokens * rate
        runs.append(NewRun(name, config.to_dict(), flops, None, made_cell(budget=budget, seed=int(seed), size_id=size)))
    home.workspace.store.submit(sweep_record("truth"), runs)
    for name, loss in losses.items():
        finish(home.workspace, name, loss)
    home.workspace.store.add_board(forecasts(home.dataset, target=budget), None, ADA)
    close_board(home.workspace, "scaling", ADA)
    return budget


def test_the_best_size_decides_with_the_spread_between_all_seeds(
    home: BoardHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.use_cases.boards.NEAR", 0.2)  # so small runs do not land on their budget
    decided(home, {"n1-0": 3.2, "n2-0": 3.0, "n2-1": 3.1, "n3-0": 3.2, "n3-1": 3.3})
    decide_board(home.workspace, "scaling", "truth", ADA)
    outcome = home.workspace.store.board("scaling").outcome
    assert outcome is not None
    assert (outcome.sweep, outcome.seeds, outcome.freedom) == ("truth@aaaa0000", 2, 2)
    assert [outcome.loss, outcome.sigma] == pytest.approx([3.05, 0.1 / 2**0.5])
    assert outcome.tokens == 32 * 8


def test_an_end_of_the_sizes_decides_nothing(home: BoardHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.use_cases.boards.NEAR", 0.2)
    decided(home, {"n1-0": 3.2, "n2-0": 3.1, "n3-0": 3.0})
    with pytest.raises(BoardError, match="that of its largest size: train further sizes"):
        decide_board(home.workspace, "scaling", "truth", ADA)
    home.run("alone", "ada")
    with pytest.raises(BoardError, match="sizes at"):
        decide_board(home.workspace, "scaling", "of-alone", ADA)


def test_what_is_no_hash_is_the_name_of_a_sweep(home: BoardHome) -> None:
    for name in ("0123456789abcde", "0123456789abcdeg"):
        with pytest.raises(NotFound, match="there is no sweep"):
            open_board(home.workspace, asked(corpus=name), None, ADA)
    with pytest.raises(AccountError, match="group 'No Group'"):
        open_board(home.workspace, asked(group="No Group"), None, ADA)


def test_a_baseline_is_the_finished_grid_at_its_nominal_budgets(home: BoardHome) -> None:
    made = [("grid", "grid"), ("check", "check"), ("waits", "grid")]
    runs = [
        replace(NewRun(name, home.config(seed).to_dict(), 1e9, None, made_cell(budget=7e8, seed=seed)), role=role)
        for seed, (name, role) in enumerate(made)
    ]
    home.workspace.store.submit(replace(sweep_record("lab", user="ann"), dataset=home.dataset), runs)
    for name in ("grid", "check"):
        finish(home.workspace, name)
    tables: list[pd.DataFrame] = []

    def compute(_function: object, _name: str, table: pd.DataFrame, weights: Sequence[Weights], _text: str) -> Baseline:
        assert [each.run for each in weights] == ["grid"]
        tables.append(table)
        return BASELINE

    open_board(home.workspace, asked(corpus="lab"), "lab", ADA, compute)
    params = count_parameters(home.config().model).matmul
    assert tables[0].to_dict("records") == [{"flops": 7e8, "params": params, "tokens": 256, "seed": 0}]


def test_runs_of_the_grid_near_the_budget_decide_unless_an_end_is_best(home: BoardHome) -> None:
    home.run("one", "ann")
    run = replace(home.workspace.store.run("one"), role="grid")
    near = [_decides(run, home.dataset, run.flops * factor) for factor in (0.98, 0.99, 1.0, 1.01, 1.02)]
    assert near == [False, True, True, True, False]
    others = replace(run, role="check"), replace(run, state=RunState.QUEUED)
    assert [_decides(each, home.dataset, run.flops) for each in others] == [False, False]
    assert not _decides(run, "other", run.flops)
    sizes = [replace(run, config=home.config(d_model=size).to_dict()) for size in (8, 16, 24)]
    for end, losses in (("smallest", (3.0, 3.1, 3.2)), ("largest", (3.2, 3.1, 3.0))):
        runs = [replace(size, loss=loss) for size, loss in zip(sizes, losses, strict=True)]
        with pytest.raises(BoardError, match=f"that of its {end} size"):
            _outcome("truth@1", runs, 1e9)
    with pytest.raises(BoardError, match="has 2 sizes at 1e\\+09 FLOPs"):
        _outcome("truth@1", sizes[:2], 1e9)


def test_a_board_of_runs_or_an_open_one_is_not_decided(home: BoardHome) -> None:
    submitted(home, "lab")
    open_board(home.workspace, asked(corpus="lab"), None, ADA)
    open_board(home.workspace, forecasts("lab"), None, ADA)
    with pytest.raises(BoardError, match="nothing is left to decide"):
        decide_board(home.workspace, "speed", "lab", ADA)
    with pytest.raises(BoardError, match="is open"):
        decide_board(home.workspace, "scaling", "lab", ADA)
