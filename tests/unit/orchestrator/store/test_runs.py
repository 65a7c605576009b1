"""Runs in the store: found by trunk, by state and by prefix, and moved by compare-and-set."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.attempts import Outcome
from orchestrator.errors import NotFound
from orchestrator.states import Cause, IllegalMove, Move, RunState
from orchestrator.store import (
    StaleAttempt,
    Store,
)
from orchestrator.store.runs import move
from tests.unit.orchestrator.store_fixtures import (
    claim,
    end_attempt,
    made_cell,
    new_run,
    result,
    sweep_record,
)


def test_unfinished_runs_of_trunks_are_found_once_and_reruns_are_not(store: Store) -> None:
    trunks = ["a", "b", None, "a"]
    runs = [replace(new_run(i), cell=made_cell(trunk=name)) for i, name in enumerate(trunks)]
    sweep = store.submit(sweep_record(), [*runs, new_run(4)])
    store.submit(sweep_record("other", "bbbb0000"), runs[:1])
    found = sorted(store.unfinished_on_trunks(), key=lambda run: run.id)
    assert [(run.id, run.cell.trunk) for run in found] == [("run0", "a"), ("run1", "b"), ("run3", "a")]
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "run0", claim(store, "run0", 0, driver, "w"), Outcome(Cause.DONE, result()))
    claim(store, "run1", 0, driver, "w")
    assert sorted(run.id for run in store.unfinished_on_trunks()) == ["run1", "run3"]
    store.rerun(sweep.id)
    assert sorted(run.id for run in store.unfinished_on_trunks()) == ["run1", "run3"]


def test_an_illegal_move_is_refused_before_anything_is_written(store: Store) -> None:
    store.submit(sweep_record(), [new_run(0)])
    with pytest.raises(StaleAttempt):
        end_attempt(store, "run0", 0, Outcome(Cause.DONE, result()))
    with pytest.raises(IllegalMove), store.writing() as db:
        move(db, "run0", 0, RunState.DONE, Move.CLAIM, {})
    assert store.run("run0").state is RunState.QUEUED


def test_runs_are_found_by_state_and_by_the_prefix_of_their_id(store: Store) -> None:
    store.submit(sweep_record(), [new_run(0), new_run(1), replace(new_run(2), id="other")])
    driver = store.start_driver("boot", [], "")
    claim(store, "run1", 0, driver, "w")
    assert [run.id for run in store.runs_in(RunState.RUNNING)] == ["run1"]
    assert {run.id for run in store.runs_in(RunState.QUEUED, RunState.RUNNING)} == {"run0", "run1", "other"}
    assert [run.id for run in store.runs_by_prefix("run")] == ["run0", "run1"]
    assert store.runs_by_prefix("run%") == [] == store.runs_by_prefix("un")
    assert store.run("run1").cell is None, "read alone, it has no place in a sweep"
    with pytest.raises(NotFound, match="there is no run 'run'"):
        store.run("run")


def test_a_move_takes_place_under_its_own_state_and_fence_alone(store: Store) -> None:
    store.submit(sweep_record(), [new_run(0)])
    with store.writing() as db:
        for fence, state in ((1, RunState.QUEUED), (0, RunState.RUNNING)):
            with pytest.raises(StaleAttempt, match=f"run run0 is no longer {state}"):
                move(db, "run0", fence, state, Move.CANCEL, {})
        assert move(db, "run0", 0, RunState.QUEUED, Move.CANCEL, {"error": "why"}) is RunState.CANCELLED
    assert (store.run("run0").state, store.run("run0").error) == (RunState.CANCELLED, "why")
