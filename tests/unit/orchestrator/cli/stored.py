"""A home with finished sweeps whose losses are simulated: what the command line reads, without Ray."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator.attempts import Outcome
from orchestrator.home import Home
from orchestrator.states import Cause
from orchestrator.use_cases.submission import new_run
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.serialise import to_yaml
from sweeps.file.spec import CentreSpec, SizesSpec, SweepSpec
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts
from tests.unit.analysis.law_tables import small
from tests.unit.orchestrator.store_fixtures import claim, end_attempt, result, sweep_record

FACTS = DataFacts(dataset="d" * 64, vocab=1024, train_tokens=5_000_000, validation_tokens=200_000)
BUDGETS = (1e11, 3e11, 1e12)


def store_sweep(
    workspace: Workspace, name: str, *, done: int | None = None, revision: str = "", **changes: Any
) -> None:
    """Submit a sweep and end its first `done` runs, or all of them; a context of 64 is worth half of N and D.

    Runs that an earlier sweep has trained stay as they are.
    """
    base: dict[str, Any] = {
        "budgets": BUDGETS,
        "centre": CentreSpec(params_at={"3e11": 5e4}),
        "sizes": SizesSpec(span=3.0),
        "epochs_max": 4.0,
    }
    spec = SweepSpec(name=name, **(base | changes))
    plan = make_plan(spec, FACTS)
    record = sweep_record(name, revision=revision or f"{name}0000"[:8])
    fields = {"source": to_yaml(spec), "dataset": FACTS.dataset, "unique_tokens": FACTS.train_tokens}
    sweep = workspace.store.submit(replace(record, **fields), [new_run(run) for run in plan.runs])
    shared = {run.id for run in workspace.store.runs_of(sweep.id) if run.answered}
    driver = workspace.store.start_driver("boot", [], "")
    noise = np.random.default_rng(0)
    for run in (run for run in plan.runs[:done] if run.run_id not in shared):
        worth = 0.5 if run.run.model.context == 64 else 1.0
        loss = float(small(np.array([worth * run.params]), np.array([worth * run.tokens]))[0] + noise.normal(0, 0.002))
        fence = claim(workspace.store, run.run_id, 0, driver, "w")
        end_attempt(workspace.store, run.run_id, fence, Outcome(Cause.DONE, result(loss)))


def fill_home(root: Path) -> None:
    """The sweeps `lab` (done), `varied` (two contexts, done) and `young` (two of its runs done)."""
    workspace = Workspace(Home(root, "test"))
    store_sweep(workspace, "lab")
    store_sweep(workspace, "varied", vary={"context": [128, 64]})
    store_sweep(workspace, "young", done=2, context=256)
    workspace.close()
