"""Assignments of tiny runs for a worker in this process."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest

from model.config import RunConfig
from orchestrator.attempts import Assignment, Tracking
from orchestrator.cluster.worker import Worker
from orchestrator.states import Cause

OFF = Tracking("disabled", "", "p", "test")


def assignment_of(root: str, run: RunConfig, fence: int = 1, **changes: Any) -> Assignment:
    given: dict[str, Any] = {"config": run.to_dict()} | changes
    return Assignment(run.run_id, fence, artifacts=root, sweep="s", name="n", tracking=OFF, **given)


def changed(run: RunConfig, **train: Any) -> RunConfig:
    return dataclasses.replace(run, train=dataclasses.replace(run.train, **train))


def interrupted(worker: Worker, assignment: Assignment, step: int) -> None:
    """Train until the step, where the scheduler's wish to stop arrives."""
    asked = itertools.count()
    whole = worker._must_stop
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            worker, "_must_stop", lambda a: (next(asked) == step and worker.stop(*a.key)) or whole(a), raising=True
        )
        assert worker.train(assignment).cause is Cause.PREEMPTED
