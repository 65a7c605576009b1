"""What a worker is handed of a claimed run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.attempts import Tracking
from orchestrator.cluster.artifact_store import open_artifacts
from orchestrator.scheduling.assigning import Assigning, run_facts
from orchestrator.scheduling.durations import checkpoint_interval
from orchestrator.scheduling.job import Job
from orchestrator.scheduling.queue import Queue
from orchestrator.store import LostAttempts, Store
from tests.unit.orchestrator.store_fixtures import new_run, open_store, sweep_record

OFF = Tracking("disabled", "", "p", "test")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


@pytest.fixture
def assigning(store: Store, tmp_path: Path) -> Assigning:
    artifacts = open_artifacts(str(tmp_path))
    return Assigning(Queue(store, artifacts), artifacts, OFF)


def job_of(store: Store) -> Job:
    sweep = store.submit(sweep_record(revision="0123456789abcdef"), [new_run(3)])
    (run,) = store.runs_of(sweep.id)
    return Job(run, sweep, fence=7, share=0.25)


def test_an_assignment_names_the_run_its_attempt_and_where_everything_is(
    store: Store, assigning: Assigning, tmp_path: Path
) -> None:
    made = assigning.of(job_of(store))
    assert (made.run_id, made.fence, made.share, made.artifacts) == ("run3", 7, 0.25, str(tmp_path))
    assert (made.sweep, made.name) == ("demo@01234567", "n30_c4e+09_s0")
    assert made.config == new_run(3).config and made.tracking is OFF
    assert (made.checkpoints, made.micro_batch, made.trunk, made.points) == ("checkpoints", None, None, ())
    assert made.facts["params"] == 30 and made.facts["role"] == "grid"


def test_a_run_goes_on_as_its_last_attempt_left_it(store: Store, assigning: Assigning) -> None:
    job = job_of(store)
    job.run = replace(job.run, micro_batch=2, restarted=5)
    made = assigning.of(job)
    assert (made.micro_batch, made.checkpoints) == (2, "checkpoints-5")


def test_the_checkpoint_interval_is_the_settings_or_follows_what_was_lost(store: Store, assigning: Assigning) -> None:
    job = job_of(store)
    assert replace(assigning, checkpoint_seconds=3.0).of(job).checkpoint_seconds == 3.0
    assert assigning.of(job).checkpoint_seconds == checkpoint_interval(30.0, LostAttempts())
    assigning.queue.lost_attempts = LostAttempts(99, 1000.0)
    assert assigning.of(job).checkpoint_seconds == checkpoint_interval(30.0, LostAttempts(99, 1000.0))


def test_a_run_without_a_cell_is_named_by_its_id(store: Store, assigning: Assigning) -> None:
    job = job_of(store)
    job.run = replace(job.run, cell=None)
    assert assigning.of(job).name == "run3"
    assert run_facts(job.run) == {"role": "grid"}
