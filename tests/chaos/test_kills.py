"""kill -9 of the driver and of a worker in a running sweep: the command typed again ends with the same table."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest

from orchestrator.eventlog import read_events
from orchestrator.states import Cause, RunState
from orchestrator.store import Store
from tests.conftest import Finished, Sandbox, copy_datasets, make_sandbox

MEASURED = ["seconds", "device"]
"""Columns that tell how it went, not what came out."""
WAIT_SECONDS = 120


def _wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def _family(home: Path) -> list[psutil.Process]:
    """Every process whose environment names this home: the driver, Ray's daemons, workers, wandb's service."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("ISOFLOP_HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _training(home: Path) -> bool:
    """Whether some attempt has logged a training step and none of its runs' results has followed yet."""
    for log in (home / "runs").glob("*/attempt-*.jsonl"):
        kinds = {event["kind"] for event in read_events(log)}
        if "progress" in kinds and "result" not in kinds:
            return True
    return False


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
        return [attempt["cause"] for run in runs for attempt in store.attempts_of(run.id)]
    finally:
        store.close()


def _table(sandbox: Sandbox) -> pd.DataFrame:
    frame = pd.read_csv(sandbox.home / "reports" / "tiny" / "runs.csv", float_precision="round_trip")
    return frame.drop(columns=MEASURED)


@pytest.fixture
def fresh(tmp_path: Path, finished: Finished) -> Iterator[Sandbox]:
    """A home with the dataset and no runs; whatever a test leaves running is ended by id."""
    sandbox = make_sandbox(tmp_path)
    copy_datasets(finished.sandbox, sandbox)
    yield sandbox
    for process in _family(sandbox.home):
        with contextlib.suppress(psutil.Error):
            process.kill()


def _expect_same_table(sandbox: Sandbox, finished: Finished) -> None:
    pd.testing.assert_frame_equal(_table(sandbox), _table(finished.sandbox), check_exact=True)


def _expect_no_process_left(sandbox: Sandbox) -> None:
    _wait(lambda: not _family(sandbox.home), 30, f"the end of {_family(sandbox.home)}")


def _kill_driver_while_training(sandbox: Sandbox, delay: float) -> None:
    driver = sandbox.start("run", "tiny", "--yes")
    try:
        _wait(lambda: _training(sandbox.home), WAIT_SECONDS, "a training step")
        time.sleep(delay)
        _wait(lambda: _training(sandbox.home), WAIT_SECONDS, "a run in training")
        driver.send_signal(signal.SIGKILL)
    finally:
        driver.kill()
        driver.communicate(timeout=30)
    assert RunState.RUNNING in _states(sandbox.home).values(), "the kill hit no running sweep"


def test_the_driver_killed_while_training(fresh: Sandbox, finished: Finished) -> None:
    _kill_driver_while_training(fresh, delay=1.0)
    again = fresh.isoflop("run", "tiny", "--yes", check=False)
    assert "Traceback" not in again.stderr
    assert str(Cause.LOST) in _causes(fresh.home)
    _expect_same_table(fresh, finished)
    _expect_no_process_left(fresh)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_the_driver_killed_three_times_at_random_moments(fresh: Sandbox, finished: Finished, seed: int) -> None:
    moments = random.Random(seed)
    for _ in range(3):
        _kill_driver_while_training(fresh, delay=moments.uniform(0.0, 4.0))
    fresh.isoflop("run", "tiny", "--yes", check=False)
    assert _causes(fresh.home).count(Cause.LOST) >= 3
    _expect_same_table(fresh, finished)
    _expect_no_process_left(fresh)


def test_a_worker_killed_while_training(fresh: Sandbox, finished: Finished) -> None:
    driver = fresh.start("run", "tiny", "--yes")
    try:
        _wait(lambda: _training(fresh.home), WAIT_SECONDS, "a training step")
        workers = [p for p in _family(fresh.home) if p.name().startswith("ray::Worker")]
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


def test_terminating_leaves_checkpoints_and_nothing_running(fresh: Sandbox, finished: Finished) -> None:
    driver = fresh.start("run", "tiny", "--yes")
    try:
        _wait(lambda: _training(fresh.home), WAIT_SECONDS, "a training step")
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


def test_two_drivers_of_one_home(fresh: Sandbox) -> None:
    driver = fresh.start("run", "tiny", "--yes")
    try:
        _wait(lambda: _training(fresh.home), WAIT_SECONDS, "a training step")
        second = fresh.isoflop("run", "tiny", "--yes", check=False)
        driver.communicate(timeout=WAIT_SECONDS)
    finally:
        driver.kill()
    assert second.returncode == 1
    assert "already schedules" in second.stderr
    assert set(_states(fresh.home).values()) == {RunState.DONE}
