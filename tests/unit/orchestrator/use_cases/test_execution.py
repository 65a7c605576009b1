"""Execution: a sweep is trained to its end, whatever happens all is ended, and only one process schedules."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.attempts import Tracking
from orchestrator.cluster import private_folder
from orchestrator.cluster.head_watch import HeadLost
from orchestrator.scheduling.driver import AlreadyScheduling, scheduler_lock
from orchestrator.scheduling.progress import Progress
from orchestrator.states import RunState
from orchestrator.use_cases import execution as module
from orchestrator.use_cases.execution import DRAIN_SECONDS, Execution
from orchestrator.use_cases.submission import submit
from orchestrator.use_cases.workspace import Workspace
from sweeps.plan.records import PlanError
from sweeps.plan.rounds import Round
from tests.unit.orchestrator.store_fixtures import new_run
from tests.unit.orchestrator.use_cases.homes import finish, open_home, planned
from tokenizer.private import FolderError

CALLS: list[Any] = []
"""What was called, in order."""


class FakeCluster:
    """Workers of which only the beginning and the end are noted."""

    def __init__(self, **settings: Any) -> None:
        CALLS.append(("cluster", settings))

    def close(self) -> None:
        CALLS.append("close")


class FakeScheduler:
    """A scheduler that finishes every run of its sweep at once, or raises what a test wants."""

    error: BaseException | None = None
    workspace: Workspace

    def __init__(self, store: Any, cluster: Any, artifacts: Any, tracking: Any, **settings: Any) -> None:
        CALLS.append(("scheduler", settings))

    def take_over(self) -> None:
        CALLS.append("take over")

    def follow(self, sweep_id: int | None = None) -> None:
        self.sweep_id = sweep_id

    def run(self, observe: Callable[[Mapping[str, Any]], None]) -> None:
        assert self.sweep_id is not None
        if self.error is not None:
            raise self.error
        for run in self.workspace.store.runs_of(self.sweep_id, None, RunState.QUEUED):
            finish(self.workspace, run.id)
            observe({})

    def drain(self, seconds: float) -> None:
        CALLS.append(("drain", seconds))

    def finish(self) -> None:
        CALLS.append("finish")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    CALLS.clear()
    opened = open_home(tmp_path, gpu_shares=3, head_seconds=7.0, checkpoint_seconds=9.0, user_flops=1e20)
    opened.say = CALLS.append
    opened.tracking = Tracking("online", "", "p", "test")
    monkeypatch.setattr(module, "Cluster", FakeCluster)
    monkeypatch.setattr(module, "Scheduler", FakeScheduler)
    monkeypatch.setattr(FakeScheduler, "workspace", opened, raising=False)
    return opened


def test_a_sweep_is_trained_to_its_end_and_watched(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOFLOP_TOKEN", "t")
    monkeypatch.setenv("WANDB_API_KEY", "k")
    sweep = submit(workspace, planned())
    seen: list[Progress] = []
    Execution(workspace).execute(sweep, "cpu", seen.append)
    assert [progress.done for progress in seen] == [*range(1, seen[-1].total + 1), seen[-1].total]
    assert seen[-1].finished
    settings = {"workers": 2, "device": "cpu", "address": "local", "shares": 3, "head_seconds": 7.0}
    settings["token"] = workspace.home.root / "ray-token"
    assert {"ISOFLOP_TOKEN"} == CALLS[0][1].pop("hidden") & {"ISOFLOP_TOKEN", "WANDB_API_KEY"}
    ceilings = {"ceilings": workspace.settings.ceilings, "checkpoint_seconds": 9.0, "stacked": None}
    ceilings |= {"by_memory": True, "shares": 3}
    assert [
        ("cluster", settings), ("scheduler", ceilings), "starting 2 workers", "take over", ("drain", DRAIN_SECONDS),
        "close", "finish",
    ] == CALLS  # fmt: skip
    CALLS.clear()
    Execution(workspace).execute(sweep, "cpu", seen.append)
    assert CALLS == [], "nothing is started for a sweep that is done"


def test_a_sweep_that_is_given_further_runs_is_trained_on(workspace: Workspace) -> None:
    sweep = submit(workspace, planned())
    given = iter([True, False, False])
    asked: list[int] = []

    def more() -> bool:
        asked.append(workspace.store.state_counts(sweep.id).get(RunState.DONE, 0))
        if not (further := next(given)):
            return False
        workspace.store.add_runs(sweep.id, [new_run(0)])
        return further

    Execution(workspace).execute(sweep, "cpu", lambda _: None, more)
    assert asked == [asked[0], asked[0] + 1] and asked[0] > 0
    CALLS.clear()
    Execution(workspace).execute(sweep, "cpu", lambda _: None, more)
    assert CALLS == [], "no worker is started to find that nothing follows"


def test_an_adaptive_sweep_is_decided_on_while_runs_ahead_still_train(workspace: Workspace) -> None:
    sweep = submit(workspace, replace(planned(), rounds=(Round(("own",), 0.0, ahead=("ahead",)),)))
    total, asked = len(workspace.store.runs_of(sweep.id)), []

    def more() -> bool:
        asked.append(workspace.store.state_counts(sweep.id).get(RunState.DONE, 0))
        if len(asked) == 1:
            raise PlanError("said again once nothing trains")
        return False

    Execution(workspace).execute(sweep, "cpu", lambda _: None, more)
    assert asked == [*range(1, total), total]


def test_one_worker_is_not_plural(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "worker_count", lambda *_: 1)
    with Execution(workspace).scheduling("cpu"):
        assert "starting 1 worker" in CALLS


@pytest.mark.parametrize(("serves", "niceness"), [(True, "10"), (False, None)])
def test_the_workers_of_a_service_make_way_for_it(
    workspace: Workspace, serves: bool, niceness: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_worker_niceness", "restored after the test")
    monkeypatch.delenv("RAY_worker_niceness")
    with Execution(workspace).scheduling("cpu", serves=serves):
        assert dict(os.environ).get("RAY_worker_niceness") == niceness


@pytest.mark.parametrize(
    ("error", "drained", "said"),
    [(KeyboardInterrupt(), True, True), (HeadLost("silent"), True, False), (ValueError("a defect"), False, False)],
)
def test_whatever_happens_all_is_ended(
    workspace: Workspace, error: BaseException, drained: bool, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeScheduler, "error", error)
    sweep = submit(workspace, planned())
    with pytest.raises(type(error)):
        Execution(workspace).execute(sweep, "cpu", lambda _: None)
    assert CALLS[-2:] == ["close", "finish"]
    assert (("drain", DRAIN_SECONDS) in CALLS) is drained
    assert any("stopping" in call for call in CALLS if isinstance(call, str)) is said
    Execution(workspace).check_free()


def test_a_temporary_folder_too_long_for_ray_is_refused_before_anything_is_stored(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_folder.tempfile, "gettempdir", lambda: "/" + "t" * 99)
    with pytest.raises(FolderError, match="too long for Ray's sockets; set TMPDIR"):
        Execution(workspace).check_free()


def test_a_second_process_is_refused(workspace: Workspace) -> None:
    with scheduler_lock(workspace.home.lock):
        for refused in (Execution(workspace).check_free, Execution(workspace).scheduling("cpu").__enter__):
            with pytest.raises(AlreadyScheduling):
                refused()
    assert CALLS == []
    Execution(workspace).check_free()


def test_only_sweeps_with_queued_runs_need_their_data(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    submit(workspace, planned("aaaa"))
    done = submit(workspace, planned("bbbb", name="y"))
    for run in workspace.store.runs_of(done.id):
        finish(workspace, run.id)
    published: list[str] = []
    monkeypatch.setattr(workspace.artifacts, "publish", lambda folder: published.append(folder.name))
    Execution(workspace).publish_queued()
    assert published == ["aaaa"]
