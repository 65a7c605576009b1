"""Sweeps that ask for kinds of device on a real Ray cluster of two nodes that declare them; torch uses their CPUs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from analysis.answers.serial import fit_json
from orchestrator.cluster import cluster as pool
from orchestrator.cluster.cluster import Cluster
from orchestrator.home import Home
from orchestrator.scheduling import missing_devices
from orchestrator.scheduling.scheduler import Scheduler
from orchestrator.settings import Settings
from orchestrator.states import Hold, RunState
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.planning import Planning
from orchestrator.use_cases.submission import submit as submit_plan
from orchestrator.use_cases.workspace import Workspace
from tests.conftest import ROOT, Finished, copy_datasets, make_sandbox

PATIENCE = 150.0
TINY = ROOT / "sweeps" / "conf" / "tiny.yaml"


@pytest.fixture
def nodes() -> Iterator[Any]:
    from ray.cluster_utils import Cluster as Nodes

    made = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for kind in ("H100", "A100"):
        made.add_node(num_cpus=2, num_gpus=1, resources={f"accelerator_type:{kind}": 1})
    yield made
    made.shutdown()


@pytest.fixture
def workspace(finished: Finished, tmp_path: Path, nodes: Any) -> Workspace:
    sandbox = make_sandbox(tmp_path)
    copy_datasets(finished.sandbox, sandbox)
    url = f"sqlite:///{sandbox.home / 'isoflop.db'}"
    return Workspace(Home(sandbox.home, "test"), Settings(url, nodes.address, workers=2))


@pytest.fixture
def scheduler(workspace: Workspace, nodes: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scheduler]:
    monkeypatch.setattr(missing_devices, "PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(missing_devices, "LOOK_SECONDS", 0.5)
    monkeypatch.setattr(pool, "STUCK_SECONDS", 10.0)
    workers = Cluster(workers=2, device="cpu", address=nodes.address, gpus=2)
    made = Scheduler(workspace.store, workers, workspace.artifacts, workspace.tracking)
    try:
        made.take_over()
        yield made
    finally:
        workers.close()
        made.finish()


def submit(workspace: Workspace, device: str, sizes: str, budgets: str = "[2e9, 4e9]") -> None:
    """The tiny sweep under its device's name, with sizes that no other has."""
    changes = [f"name={device}", f"device={device}", f"sizes={sizes}", f"budgets={budgets}"]
    submit_plan(workspace, Planning(workspace).plan(TINY, changes))


def step_until(scheduler: Scheduler, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        scheduler.step()


@pytest.mark.slow
def test_sweeps_of_several_kinds_end_on_their_own_nodes_and_one_that_mixes_them_is_flagged(
    workspace: Workspace, scheduler: Scheduler
) -> None:
    for device, sizes in (("h100", "[2784, 5560]"), ("a100", "[4128, 9240]"), ("l40s", "[11200]")):
        submit(workspace, device, sizes)

    def done(*names: str) -> bool:
        return all(Execution(workspace).progress(workspace.store.sweep(name)).finished for name in names)

    def devices(name: str) -> list[str]:
        return sorted(run.device or "" for run in workspace.store.runs_of(workspace.store.sweep(name).id))

    scheduler.follow()
    step_until(scheduler, lambda: done("h100", "a100"))
    assert (devices("h100"), devices("a100")) == (["H100"] * 4, ["A100"] * 4)

    step_until(scheduler, lambda: workspace.store.sweep("l40s").waits != "")
    waits = Execution(workspace).progress(workspace.store.sweep("l40s")).waits
    assert "kind l40s" in waits and "Ray's nodes declare A100 and H100" in waits
    assert workspace.store.state_counts(workspace.store.sweep("l40s").id) == {RunState.QUEUED: 2}
    workspace.store.hold(workspace.store.sweep("l40s").id, Hold.CANCELLED)

    # Long enough for a worker on the other node to come up before one has done it all.
    submit(workspace, "auto", "[7296, 13536, 16384]", "[2e10, 4e10]")
    step_until(scheduler, lambda: done("auto"))
    assert set(devices("auto")) == {"A100", "H100"}
    (warning,) = [
        w for w in fit_json(Answering(workspace).of("auto").law())["warnings"] if "several kinds of device" in w
    ]
    assert f"{devices('auto').count('H100')} on H100" in warning
    assert not [w for w in fit_json(Answering(workspace).of("h100").law())["warnings"] if "several kinds" in w]
