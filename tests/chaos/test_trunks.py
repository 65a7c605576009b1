"""Faults that meet a shared trunk: its leader killed, its states deleted. The table is the unbroken sweep's."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from benchmarks.resume import family
from model.config import RunConfig
from orchestrator.cluster.attempt_log import read_events
from orchestrator.states import Cause
from orchestrator.store import Store
from tests.conftest import Finished, Sandbox, copy_datasets, make_sandbox

SHARED = ("run", "tiny", "sizes=[3000, 6000, 9000]", "share_trunks=true", "--yes")
WAIT_SECONDS = 240
HOW_IT_WENT = ["seconds", "flops_spent"]
"""What tells how it went, not what came out: after a fault another run may lead."""


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, finished: Finished) -> Sandbox:
    """A home in which the sweep with shared trunks was run without a fault."""
    sandbox = make_sandbox(tmp_path_factory.mktemp("unbroken"))
    copy_datasets(finished.sandbox, sandbox)
    sandbox.isoflop(*SHARED, check=False)
    return sandbox


@pytest.fixture
def fresh(tmp_path: Path, unbroken: Sandbox) -> Iterator[Sandbox]:
    """A home with the dataset and no runs; whatever a test leaves running is ended by id."""
    sandbox = make_sandbox(tmp_path)
    copy_datasets(unbroken, sandbox)
    yield sandbox
    for process in family(sandbox.home):
        with contextlib.suppress(psutil.Error):
            process.kill()


def table(sandbox: Sandbox) -> pd.DataFrame:
    return pd.read_csv(sandbox.home / "reports" / "tiny" / "runs.csv")


def leaders(home: Path) -> list[tuple[int, Path]]:
    """Process and log of each attempt that is on its trunk and has kept a state of it."""
    found = []
    for path in (home / "runs").glob("*/attempt-*.jsonl"):
        events = read_events(path)
        if any(event["kind"] == "branch" for event in events) and on_trunk(events):
            found.append((events[0]["pid"], path))
    return found


def on_trunk(events: list[dict[str, Any]]) -> bool:
    start = next(event for event in events if event["kind"] == "start")
    return bool(events[-1].get("step", 10**9) < RunConfig.from_dict(start["run"]).train.branch_step)


def play(sandbox: Sandbox, fault: Callable[[int, Path], bool]) -> None:
    """Run the sweep, and do something to a leader that stands still, until it is done."""
    driver = sandbox.start(*SHARED)
    try:
        deadline, happened = time.monotonic() + WAIT_SECONDS, False
        while not happened:
            assert driver.poll() is None and time.monotonic() < deadline, "the sweep ended before its fault"
            for pid, log in leaders(sandbox.home)[:1]:
                os.kill(pid, signal.SIGSTOP)
                happened = on_trunk(read_events(log)) and fault(pid, log)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            time.sleep(0.01)
        output, _ = driver.communicate(timeout=WAIT_SECONDS)
    finally:
        driver.kill()
    assert "Traceback" not in output


def expect_same_table(sandbox: Sandbox, unbroken: Sandbox) -> None:
    after, before = (table(one).drop(columns=HOW_IT_WENT) for one in (sandbox, unbroken))
    assert set(after["state"]) == {"done"}
    pd.testing.assert_frame_equal(after, before, check_exact=True)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_leader_killed_on_its_trunk(fresh: Sandbox, unbroken: Sandbox) -> None:
    killed: list[str] = []

    def kill(pid: int, log: Path) -> bool:
        os.kill(pid, signal.SIGKILL)
        killed.append(log.parent.name)
        return True

    play(fresh, kill)
    store = Store(f"sqlite:///{fresh.home / 'isoflop.db'}")
    assert [a.cause for a in store.attempts_of(killed[0])] == [Cause.LOST, Cause.DONE]
    store.close()
    expect_same_table(fresh, unbroken)
    spent = table(fresh)["flops_spent"].sum()
    assert spent == pytest.approx(table(unbroken)["flops_spent"].sum()), "the trunk's own states are its own work"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_states_deleted_while_a_leader_trains(fresh: Sandbox, unbroken: Sandbox) -> None:
    deleted: list[Path] = []

    def delete(_pid: int, _log: Path) -> bool:
        deleted.extend((fresh.home / "trunks").glob("*/*.ckpt"))
        shutil.rmtree(fresh.home / "trunks")
        return bool(deleted)

    play(fresh, delete)
    assert deleted
    expect_same_table(fresh, unbroken)
