"""A home with a sweep that varies one axis and whose runs are all done but one, for the tests of routes and pages."""

from __future__ import annotations

from pathlib import Path

from orchestrator.store import RunRecord, SweepRecord
from orchestrator.use_cases.submission import new_run
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.compose import load_sweep
from sweeps.file.serialise import to_yaml
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts, DroppedCell
from tests.unit.orchestrator.use_cases import homes

FILE = b"extends: demo\nname: varied\nseeds: {smallest_budget: 1, largest_budget: 1}\nvary: {qk_norm: [true, false]}\n"
DROPPED = DroppedCell(3e11, 41000, "L2 d32", "too short")


def finish(workspace: Workspace, run: RunRecord) -> None:
    """End a run with the loss of a known surface, 0.1 worse without the norm."""
    cell = run.cell
    assert cell is not None
    loss = 1.3 + 60 / cell.params**0.34 + 250 / cell.tokens**0.37 + (0.0 if cell.vary["qk_norm"] else 0.1)
    homes.finish(workspace, run.id, loss)


def varied_home(folder: Path) -> Workspace:
    """The home."""
    opened = homes.open_home(folder)
    spec = load_sweep(FILE)
    plan = make_plan(spec, DataFacts("data", 1024, 50_000_000, 500_000))
    record = SweepRecord(0, "varied", "0123456789ab", to_yaml(spec), "data", 50_000_000, (DROPPED,), ["short"], 0.0)
    sweep = opened.store.submit(record, [new_run(run) for run in plan.runs])
    for run in opened.store.runs_of(sweep.id)[:-1]:
        finish(opened, run)
    return opened
