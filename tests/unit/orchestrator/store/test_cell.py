"""The record of a run's cell: complete from a planned run, and read back from what earlier releases stored."""

from __future__ import annotations

import json
from dataclasses import fields

from orchestrator.store.cell import Cell
from sweeps.file.spec import SweepSpec
from sweeps.plan.combination import Combination
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts, PlannedRun, RecipeTrial
from tests.unit.orchestrator.store_fixtures import made_cell

FACTS = DataFacts("data", 64, 10_000_000, 200_000)


def planned() -> PlannedRun:
    return make_plan(SweepSpec("t", (1e11, 3e11, 1e12), vary={"qk_norm": [True, False]}), FACTS).runs[0]


def test_a_cell_is_what_was_planned() -> None:
    run = planned()
    cell = Cell.of(run, "h100", 4.5)
    same = {f.name for f in fields(Cell) if hasattr(run, f.name)} - {"vary", "shared"}
    assert {"tokens", "steps", "batch_tokens", "memory_bytes"} < same
    for field in same:
        assert getattr(cell, field) == getattr(run, field), field
    assert (cell.kind, cell.calibrated_seconds, cell.predicted_seconds) == ("h100", 4.5, run.seconds)
    assert cell.combinations == ({"qk_norm": True},)


def test_json_gives_an_equal_cell_back() -> None:
    trial = RecipeTrial(Combination.of({"lr": 0.1}), "left end", 0.25, 4.0)
    cell = made_cell(vary={"lr": 0.1}, shared=({"lr": 0.2},), checks=(trial,), trunk="t", kind="cuda")
    again = Cell.from_dict(json.loads(json.dumps(cell.to_dict())))
    assert again == cell
    assert again.combinations == ({"lr": 0.1}, {"lr": 0.2})


def test_a_cell_of_an_earlier_release_has_defaults_for_what_that_did_not_know() -> None:
    stored = made_cell(memory_bytes=7).to_dict()
    for name in ("shared", "memory_bytes", "kind", "trunk", "seconds_alone", "calibrated_seconds", "checks"):
        del stored[name]
    assert Cell.from_dict(stored | {"vary": None, "of a later release": 1}) == made_cell()
