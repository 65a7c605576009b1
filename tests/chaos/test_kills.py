"""kill -9 of the driver and of a worker in a running sweep: the command typed again ends with the same table."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest

from benchmarks.resume import attempt_logs, family, steps_logged
from orchestrator.states import Cause, RunState
from orchestrator.store import Store
from tests.conftest import Finished, Sandbox, copy_datasets, make_sandbox

MEASURED = ["seconds"]
"""What tells how it went, not what came out."""
WAIT_SECONDS = 120


def _wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def _states(home: Path) -> dict[str, RunState]:
    store = Store(f"sqlite:///{home / 'isoflop.db'}")
    try:
        return {run.id: run.state for run in store.runs_of(store.sweep("tiny").id)}
    finally:
        store.close()


def _causes(home: Path) -> list[str]:
    store = Store(f"sqlite:///{home / 'isoflop.db'}")
    try:
        runs = store.runs_of(store.sweep("tiny").id)
        return [attempt.cause for run in runs for attempt in store.attempts_of(run.id)]
    finally:
        store.close()


def _table(sandbox: Sandbox) -> pd.DataFrame:
    frame = pd.read_csv(sandbox.home / "reports" / "tiny" / "runs.csv")
    return frame.drop(columns=MEASURED)


@pytest.fixture
def fresh(tmp_path: Path, finished: Finished) -> Iterator[Sandbox]:
    """A home with the dataset and no runs; whatever a test leaves running is ended by id."""
    sandbox = make_sandbox(tmp_path)
    copy_datasets(finished.sandbox, sandbox)
    yield sandbox
    for process in family(sandbox.home):
        with contextlib.suppress(psutil.Error):
            process.kill()


def _expect_same_table(sandbox: Sandbox, finished: Finished) -> None:
    assert set(_table(sandbox)["state"]) == {"done"}
    assert _table(sandbox)["loss"].notna().all()
    pd.testing.assert_frame_equal(_table(sandbox), _table(finished.sandbox), check_exact=True)


def _expect_no_process_left(sandbox: Sandbox) -> None:
    _wait(lambda: not family(sandbox.home), 30, f"the end of {family(sandbox.home)}")


def _start_training(sandbox: Sandbox, **extra: str) -> subprocess.Popen[str]:
    """Type the command, and wait until it has logged a training step of its own."""
    earlier = attempt_logs(sandbox.home)
    driver = sandbox.start("run", "tiny", "--yes", **extra)
    try:
        _wait(lambda: steps_logged(sandbox.home, earlier) > 0, WAIT_SECONDS, "a training step")
    except BaseException:
        driver.kill()
        raise
    return driver


def _kill_driver_while_training(sandbox: Sandbox, delay: float, **extra: str) -> None:
    driver = _start_training(sandbox, **extra)
    try:
        time.sleep(delay)
        seen = steps_logged(sandbox.home)
        _wait(lambda: steps_logged(sandbox.home) > seen, WAIT_SECONDS, "one more training step")
        assert driver.poll() is None, "the sweep was over before the kill"
        driver.send_signal(signal.SIGKILL)
    finally:
        driver.kill()
        driver.communicate(timeout=30)


def _killed_drivers(home: Path) -> int:
    """Drivers with at least one attempt that their death orphaned."""
    store = Store(f"sqlite:///{home / 'isoflop.db'}")
    try:
        attempts = [a for r in store.runs_of(store.sweep("tiny").id) for a in store.attempts_of(r.id)]
        return len({a.driver_id for a in attempts if a.cause == Cause.ORPHANED})
    finally:
        store.close()


@pytest.mark.slow
def test_the_driver_killed_while_training(fresh: Sandbox, finished: Finished) -> None:
    _kill_driver_while_training(fresh, delay=1.0)
    again = fresh.isoflop("run", "tiny", "--yes", check=False)
    assert "Traceback" not in again.stderr
    assert _killed_drivers(fresh.home) == 1
    _expect_same_table(fresh, finished)
    _expect_no_process_left(fresh)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_the_driver_killed_three_times_at_random_moments(fresh: Sandbox, finished: Finished, seed: int) -> None:
    moments = random.Random(seed)
    for _ in range(3):
        _kill_driver_while_training(fresh, delay=moments.uniform(0.0, 2.5))
    fresh.isoflop("run", "tiny", "--yes", check=False)
    assert _killed_drivers(fresh.home) == 3
    _expect_same_table(fresh, finished)
    _expect_no_process_left(fresh)


@pytest.mark.slow
def test_a_worker_killed_while_training(fresh: Sandbox, finished: Finished) -> None:
    driver = _start_training(fresh)
    try:
        workers = [p for p in family(fresh.home) if p.name().startswith("ray::Worker")]
        assert workers, "no worker process found"
        workers[0].kill()
        output, _ = driver.communicate(timeout=WAIT_SECONDS)
    finally:
        driver.kill()
    assert "Traceback" not in output
    assert _causes(fresh.home).count(Cause.LOST) == 1, output[-2000:]
    assert set(_states(fresh.home).values()) == {RunState.DONE}
    _expect_same_table(fresh, finished)
    _expect_no_process_left(fresh)


@pytest.mark.slow
def test_terminating_leaves_checkpoints_and_nothing_running(fresh: Sandbox, finished: Finished) -> None:
    driver = _start_training(fresh)
    try:
        driver.send_signal(signal.SIGTERM)
        output, _ = driver.communicate(timeout=60)
    finally:
        driver.kill()
    assert driver.returncode == 130, output[-2000:]
    assert str(Cause.PREEMPTED) in _causes(fresh.home)
    assert RunState.RUNNING not in _states(fresh.home).values()
    assert list((fresh.home / "runs").glob("*/checkpoints/*")), "no checkpoint was left"
    fresh.isoflop("run", "tiny", "--yes", check=False)
    _expect_same_table(fresh, finished)
    _expect_no_process_left(fresh)


@pytest.mark.slow
def test_two_drivers_of_one_home(fresh: Sandbox) -> None:
    driver = _start_training(fresh)
    try:
        second = fresh.isoflop("run", "tiny", "--yes", check=False)
        driver.communicate(timeout=WAIT_SECONDS)
    finally:
        driver.kill()
    assert second.returncode == 1
    assert "already schedules" in second.stderr
    assert set(_states(fresh.home).values()) == {RunState.DONE}


@pytest.mark.slow
def test_a_sweep_that_stacks_is_killed_and_comes_to_the_same_law(fresh: Sandbox, finished: Finished) -> None:
    """Four runs at a time as one computation on a CPU, by torch instead of the native kernels."""
    stacked = {"ISOFLOP_STACKED": "4", "ISOFLOP_CHECKPOINT_SECONDS": "0.5"}
    _kill_driver_while_training(fresh, delay=1.0, **stacked)
    fresh.isoflop("run", "tiny", "--yes", check=False, **stacked)
    assert _killed_drivers(fresh.home) == 1
    ours, theirs = _table(fresh), _table(finished.sandbox)
    assert (ours["state"] == "done").all()
    merged = ours.merge(theirs, on="run", suffixes=("", "_single"))
    assert len(merged) == len(theirs)
    assert (merged["loss"] - merged["loss_single"]).abs().max() < 1e-3
    answers = [
        json.loads(s.isoflop("predict", "tiny", "--flops", "8e9", "-o", "json").stdout)
        for s in (fresh, finished.sandbox)
    ]
    assert answers[0]["params"] == pytest.approx(answers[1]["params"], rel=0.01)
    _expect_no_process_left(fresh)
