"""The records of a plan: grouping by combination, rows of JSON, and totals."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace

import pytest

from sweeps.file.spec import SizesSpec
from sweeps.plan.combination import Combination
from sweeps.plan.plan import make_plan
from sweeps.plan.records import Cause, DroppedCell, Plan, RecipeTrial
from tests.unit.sweeps.plans import FACTS, Steady, spec_of

COLUMNS = [
    "run",
    "budget",
    "size_id",
    "seed",
    "recipe",
    "params",
    "params_total",
    "params_nonembedding",
    "tokens",
    "flops",
    "flops_spent",
    "steps",
    "batch_tokens",
    "epochs",
    "shape",
    "vary",
    "seconds",
    "memory_bytes",
    "seconds_alone",
    "processes",
    "trunk",
    "shared",
    "role",
    "lr",
    "checks",
]


def test_runs_are_grouped_by_combination_and_a_shared_run_is_in_each() -> None:
    plan = make_plan(spec_of(vary={"qk_norm": [True, False]}), FACTS)
    assert [combination.label for combination in plan.by_combination] == ["qk_norm=True", "qk_norm=False"]
    assert {len(runs) for runs in plan.by_combination.values()} == {21}
    assert all(run.vary == combination for combination, runs in plan.by_combination.items() for run in runs)
    shared = make_plan(spec_of(vary={"large_batch": [1e6, 2e6]}), FACTS)
    first, second = shared.by_combination.values()
    assert len(shared.runs) == 21 and first == second == shared.runs
    assert make_plan(spec_of(), FACTS).by_combination == {Combination(): make_plan(spec_of(), FACTS).runs}


def test_a_run_as_a_row_has_its_columns_in_order() -> None:
    plan = make_plan(spec_of(vary={"large_batch": [1e6, 2e6]}, recipe_check=True), FACTS, Steady())
    run = plan.runs[0]
    row = json.loads(json.dumps(run.to_dict()))
    assert list(row) == COLUMNS
    assert row["run"] == run.run_id and row["vary"] == {"large_batch": 1e6} and row["shared"] == [{"large_batch": 2e6}]
    assert row["steps"] == run.run.train.steps and row["batch_tokens"] == run.run.train.batch * 128
    assert row["tokens"] == run.run.train.sequences * 128 and row["lr"] == run.run.train.lr
    assert row["checks"][0] == {"vary": {"large_batch": 1e6}, "place": "left end", "batch_factor": 1, "lr_factor": 1}


def test_trials_and_dropped_cells_are_read_back_as_they_were_written() -> None:
    trial = RecipeTrial(Combination.of({"lr": 0.1}), "centre", 0.25, 4.0)
    assert RecipeTrial.from_dict(json.loads(json.dumps(trial.to_dict()))) == trial
    cell = DroppedCell(1e11, 5, "L1", "too long", Combination.of({"lr": 0.1}), Cause.DATA)
    assert cell.to_dict() == {"budget": 1e11, "params": 5, "shape": "L1", "reason": "too long", "vary": {"lr": 0.1}}
    assert DroppedCell.from_dict(cell.to_dict()) == replace(cell, cause=None)
    assert DroppedCell.from_dict({"budget": 1.0, "params": 1, "shape": "", "reason": ""}).vary == Combination()


def test_totals_are_those_of_all_runs_and_unknown_with_one_unknown() -> None:
    plan = make_plan(spec_of(), FACTS, Steady())
    assert plan.flops == pytest.approx(sum(run.flops for run in plan.runs)) == plan.flops_spent
    assert plan.seconds == pytest.approx(plan.flops / 1e10)
    unknown = replace(plan, runs=(replace(plan.runs[0], seconds=None), *plan.runs[1:]))
    assert unknown.seconds is None
    assert Plan(plan.spec, (), (), ()).seconds is None
    checked = replace(plan, checks=plan.runs[:2])
    assert checked.all_runs == (*plan.runs, *plan.runs[:2])
    assert checked.flops > plan.flops


def test_records_cannot_change_and_are_known_by_their_values() -> None:
    plan = make_plan(spec_of(recipe_check=True), FACTS)
    run = next(run for run in plan.runs if run.checks)
    assert {run, replace(run)} == {run} and {run.checks[0], replace(run.checks[0])} == {run.checks[0]}
    cell = DroppedCell(1e11, 5, "L1", "too long")
    assert {cell, replace(cell)} == {cell}
    with pytest.raises(FrozenInstanceError):
        plan.spec = spec_of()  # type: ignore[misc]


def test_states_of_trunks_take_their_bytes_at_each_branch_and_at_the_end() -> None:
    plan = make_plan(spec_of(sizes=SizesSpec(params=(20_000, 40_000)), share_trunks=True), FACTS)
    sharing = [run for run in plan.runs if run.trunk]
    assert len(sharing) > len({run.trunk for run in sharing}) > 0
    ends = {run.trunk: run.params_total for run in sharing}
    branches = {(run.trunk, run.run.train.branch_step): run.params_total for run in sharing}
    assert plan.trunk_bytes == (12 * sum(branches.values()), 12 * sum(ends.values()))
    muon = make_plan(replace(plan.spec, recipe_overrides={"optimizer": "muon"}), FACTS)
    assert 8 / 12 < muon.trunk_bytes[0] / plan.trunk_bytes[0] < 1, "one number for the matrices of the blocks, not two"
