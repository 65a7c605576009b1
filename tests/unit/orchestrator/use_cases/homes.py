"""Homes with stored sweeps whose runs end as a test says, and plans without a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.attempts import Outcome
from orchestrator.home import Home
from orchestrator.settings import Settings
from orchestrator.states import Cause
from orchestrator.use_cases.planning import Planned
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.spec import CentreSpec, SweepSpec
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts
from tests.unit.orchestrator.store_fixtures import new_run, sweep_record

VOCAB = 1024


def open_home(folder: Path, **changes: Any) -> Workspace:
    """An empty home with two workers; `changes` are settings."""
    settings = Settings(f"sqlite:///{folder / 'isoflop.db'}", "local", workers=2, user="me")
    for name, value in changes.items():
        object.__setattr__(settings, name, value)
    return Workspace(Home(folder, "test"), settings)


def end(workspace: Workspace, run_id: str, outcome: Outcome) -> None:
    """Hand a queued run out and end the attempt."""
    number = start(workspace, run_id)
    assert workspace.store.end_all([(run_id, number, outcome)]) != [None]


def start(workspace: Workspace, run_id: str) -> int:
    """Hand a queued run out; returns the number of its attempt."""
    store = workspace.store
    driver = store.start_driver("boot", [], "")
    (number,) = store.claim_all([(run_id, store.run(run_id).fence, "worker")], driver)
    assert number is not None
    return number


def finish(workspace: Workspace, run_id: str, loss: float = 3.0, **more: Any) -> None:
    """End a queued run with a loss, in nats per token, and more of what a result has."""
    result = {"loss": loss, "bits_per_byte": loss / 2, "train_seconds": 1.5} | more
    end(workspace, run_id, Outcome(Cause.DONE, result, device="some CPU"))


def small_home(folder: Path) -> Workspace:
    """Two revisions of a sweep: run0 is done, run1 failed, run2 waits."""
    opened = open_home(folder)
    opened.store.submit(sweep_record(revision="aaaa"), [new_run(0), new_run(1)])
    opened.store.submit(sweep_record(revision="bbbb"), [new_run(0), new_run(1), new_run(2)])
    finish(opened, "run0")
    end(opened, "run1", Outcome(Cause.CONFIGURATION, detail="Traceback\nno such field"))
    return opened


def planned(dataset: str = "aaaa", **changes: Any) -> Planned:
    """A plan of two budgets on a dataset that is not there; `changes` are keys of the sweep file."""
    keys: dict[str, Any] = {"name": "x", "budgets": (1e11, 3e11), "centre": CentreSpec(tokens_per_param=20.0)}
    facts = DataFacts(dataset, VOCAB, 50_000_000, 200_000)
    return Planned(make_plan(SweepSpec(**(keys | changes)), facts), facts, "cpu", 2)
