"""An adaptive sweep, killed while it trains and between rounds, on one to three workers: the same runs and table."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from orchestrator.states import RunState
from orchestrator.store import Store
from sweeps.plan.rounds import Round
from tests.conftest import Sandbox, copy_datasets

ADAPTIVE = ("run", "tiny", "name=t", "adaptive.ask=1.6e10", "adaptive.spend=1.5e11", "adaptive.rounds=3", "--yes")
MEASURED = ["seconds"]
"""What tells how it went, not what came out."""
WAIT_SECONDS = 300


def _look(home: Path) -> tuple[tuple[Round, ...], int]:
    """The rounds stored so far, and how many runs are done."""
    store = Store(home / "isoflop.db", reading=True)
    try:
        found = [sweep for sweep in store.sweeps() if sweep.name == "t"]
        if not found:
            return (), 0
        return found[0].rounds, store.state_counts(found[0].id).get(RunState.DONE, 0)
    finally:
        store.close()


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {WAIT_SECONDS} s for {what}"
        time.sleep(0.05)


def _kill_when(sandbox: Sandbox, condition: Callable[[], bool], what: str, **extra: str) -> None:
    driver = sandbox.start(*ADAPTIVE, **extra)
    try:
        _wait(lambda: condition() or driver.poll() is not None, what)
        assert driver.poll() is None, f"the sweep was over before {what}"
        driver.send_signal(signal.SIGKILL)
    finally:
        driver.kill()
        driver.communicate(timeout=30)


def _table(sandbox: Sandbox) -> pd.DataFrame:
    frame = pd.read_csv(sandbox.home / "reports" / "t" / "runs.csv")
    return frame.drop(columns=MEASURED)


@pytest.mark.slow
def test_kills_and_workers_change_no_round_and_no_loss(sandboxes: tuple[Sandbox, Sandbox]) -> None:
    whole, killed = sandboxes
    whole.isoflop(*ADAPTIVE, check=False, ISOFLOP_WORKERS="2")
    rounds, done = _look(whole.home)
    assert len(rounds) > 2 and rounds[-1].stop is not None and done > len(rounds[0].runs)
    copy_datasets(whole, killed)  # with the choice of implementations, inside which losses are equal to the last bit
    moments, first = random.Random(1), len(rounds[0].runs)
    early = moments.randrange(1, first)
    _kill_when(killed, lambda: _look(killed.home)[1] >= early, f"{early} runs", ISOFLOP_WORKERS="1")
    _kill_when(killed, lambda: _look(killed.home)[1] >= first, "the end of the first round", ISOFLOP_WORKERS="1")
    _kill_when(killed, lambda: len(_look(killed.home)[0]) > 1, "the second round", ISOFLOP_WORKERS="2")
    killed.isoflop(*ADAPTIVE, check=False, ISOFLOP_WORKERS="3")
    assert _look(killed.home)[0] == rounds
    assert set(_table(killed)["state"]) == {"done"}
    pd.testing.assert_frame_equal(_table(killed), _table(whole), check_exact=True)
    chart = killed.home / "reports" / "t" / "course.png"
    assert chart.stat().st_size > 0
