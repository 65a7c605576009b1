"""Values beyond what a database's types hold, on SQLite and PostgreSQL alike; one row's error is its run's alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.attempts import Outcome
from orchestrator.states import Cause, RunState
from orchestrator.store import Rejected, Store, Unavailable
from orchestrator.store.claims import Attempts
from tests.unit.orchestrator.store_fixtures import claim, end_attempt, made_cell, new_run, result, sweep_record

MANY = 3 * 2**31
"""More than 32 bits hold."""


def test_counts_beyond_32_bits_are_stored_and_read(store: Store) -> None:
    cell = made_cell(tokens=MANY, steps=MANY, batch_tokens=MANY, params=MANY, budget=1e30, memory_bytes=MANY)
    run = replace(new_run(0, batch=MANY), flops=1e30, cell=cell)
    sweep = store.submit(replace(sweep_record(), unique_tokens=MANY, ceiling_flops=1e31), [run])
    assert store.sweep("demo").unique_tokens == MANY
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "run0", claim(store, "run0", 0, driver, "w"), Outcome(Cause.OUT_OF_MEMORY))
    assert store.run("run0").micro_batch == MANY // 2
    done = Outcome(Cause.DONE, result() | {"tokens": MANY, "steps": MANY}, flops=1e30)
    end_attempt(store, "run0", claim(store, "run0", 1, driver, "w"), done)
    (found,) = store.runs_of(sweep.id)
    assert (found.flops, found.cell) == (1e30, cell)
    assert found.result == result() | {"tokens": MANY, "steps": MANY}
    store.submit(
        replace(sweep_record("more"), unique_tokens=MANY), [replace(new_run(i), role="check") for i in range(3)]
    )


def test_names_of_any_length_are_stored(store: Store) -> None:
    long = "n" * 1000
    store.submit(sweep_record(user=long), [new_run(0)])
    driver = store.start_driver(long, [], long)
    end_attempt(store, "run0", claim(store, "run0", 0, driver, long), Outcome(Cause.DONE, result(), device=long))
    store.save_calibration(long, long, {"a": 1.0})
    assert (store.sweep("demo").user, store.run("run0").device, store.calibration(long, long)) == (
        long,
        long,
        {"a": 1.0},
    )


@pytest.mark.parametrize("text", ["a\0b", "a\udcffb", "\0", "\ud800"])
def test_text_that_no_database_holds_is_stored_without_it(store: Store, text: str) -> None:
    shown = text.replace("\0", "\ufffd").replace("\udcff", "\ufffd").replace("\ud800", "\ufffd")
    cell = made_cell(shape=text, vary={text: text})
    sweep = store.submit(sweep_record(user=text), [replace(new_run(0), cell=cell), new_run(1)])
    driver = store.start_driver("boot", [], text)
    end_attempt(store, "run0", claim(store, "run0", 0, driver, text), Outcome(Cause.CONFIGURATION, detail=text))
    done = Outcome(Cause.DONE, result() | {"note": text}, device=text)
    end_attempt(store, "run1", claim(store, "run1", 0, driver, "w"), done)
    run = store.run("run0")
    assert (run.error, store.attempts_of("run0")[0].detail, store.attempts_of("run0")[0].worker) == (
        shown,
        shown,
        shown,
    )
    assert store.run("run1").result == result() | {"note": shown} and store.run("run1").device == shown
    assert {r.id: r.cell and r.cell.shape for r in store.runs_of(sweep.id)} == {"run0": shown, "run1": "s1"}
    assert store.unfinished_on_trunks() == []
    store.hold(sweep.id, "paused", text)  # type: ignore[arg-type]
    assert store.sweep("demo").held_reason == shown
    assert store.runs_by_prefix(text) == []


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_stored_as_nothing(store: Store, number: float) -> None:
    sweep = store.submit(sweep_record(), [new_run(i) for i in range(3)])
    driver = store.start_driver("boot", [], "")
    fences = [claim(store, f"run{i}", 0, driver, "w") for i in range(3)]
    ends = [
        ("run0", fences[0], Outcome(Cause.DONE, result(number), seconds=1.0)),
        ("run1", fences[1], Outcome(Cause.DONE, result() | {"evaluation_seconds": number}, seconds=number)),
        ("run2", fences[2], Outcome(Cause.LOST, seconds=number, flops=number)),
    ]
    assert store.end_all(ends) == [RunState.DIVERGED, RunState.DONE, RunState.QUEUED]
    assert f"a loss of {number}" in (store.run("run0").error or "")
    assert store.run("run1").result == result()
    assert [a.seconds for a in store.attempts_of_all(["run1", "run2"])] == [None, None]
    store.add_forecast(sweep.id, "run1", "law", 1e9, {"loss": number, "loss_interval": [number, 1.0]})
    assert store.forecasts_of(sweep.name)[0].prediction == {"loss": None, "loss_interval": [None, 1.0]}


def test_an_end_that_cannot_be_stored_fails_its_run_and_no_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.submit(sweep_record(), [new_run(i) for i in range(3)])
    driver = store.start_driver("boot", [], "")
    fences = [claim(store, f"run{i}", 0, driver, "w") for i in range(3)]
    whole = Attempts._end_together

    def refusing(self: Attempts, ends: Any) -> Any:
        """Like a database that cannot hold one of the results."""
        if any(outcome.result and outcome.result["loss"] == 7.0 for _, _, outcome in ends):
            raise Rejected("the database refuses a value: out of range")
        return whole(self, ends)

    monkeypatch.setattr(Attempts, "_end_together", refusing)
    ends = [(f"run{i}", fences[i], Outcome(Cause.DONE, result(6.0 + i), seconds=2.0)) for i in range(3)]
    assert store.end_all(ends) == [RunState.DONE, RunState.FAILED, RunState.DONE]
    assert store.run("run1").error == "the database refuses a value: out of range"
    assert [a.cause for a in store.attempts_of("run1")] == [Cause.CONFIGURATION]
    assert store.attempts_of("run1")[0].seconds == 2.0


def test_a_database_that_is_away_is_no_error_of_a_row(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.submit(sweep_record(), [new_run(0), new_run(1)])
    driver = store.start_driver("boot", [], "")
    fences = [claim(store, f"run{i}", 0, driver, "w") for i in range(2)]
    asked: list[int] = []

    def away(_self: Attempts, ends: Any) -> None:
        asked.append(len(ends))
        raise Unavailable("away")

    monkeypatch.setattr(Attempts, "_end_together", away)
    with pytest.raises(Unavailable):
        store.end_all([(f"run{i}", fences[i], Outcome(Cause.DONE, result())) for i in range(2)])
    assert asked == [2]


def test_a_value_beyond_every_type_is_refused_and_stores_nothing(store: Store) -> None:
    with pytest.raises(Rejected, match=r"the database (refuses|cannot hold) a value"):
        store.submit(replace(sweep_record(), unique_tokens=2**70), [new_run(0)])
    assert store.sweeps() == [] and store.runs_in(*RunState) == []


def test_a_run_whose_stored_cell_or_configuration_is_damaged_hides_no_other(store: Store) -> None:
    import sqlalchemy as sa

    sweep = store.submit(sweep_record(), [new_run(i) for i in range(3)])
    with store.writing() as db:
        db.execute(sa.text("UPDATE sweep_runs SET cell = '{\"budget\": 1}' WHERE run_id = 'run0'"))
        db.execute(sa.text("UPDATE runs SET config = 'null' WHERE id = 'run1'"))
    found = {run.id: run for run in store.runs_of(sweep.id)}
    assert found["run0"].cell is None and found["run1"].config == {} and found["run2"].cell is not None
