"""A tuning, killed while it trains and between rounds, on one worker and on two: the same recipe to the last bit."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from orchestrator.states import RunState
from orchestrator.store import Store
from tests.conftest import Sandbox, copy_datasets

TUNE = ("tune", "tiny", "tune.search=[batch,lr]", "tune.rounds=2", "--spend", "1.48e11", "--yes")
WAIT_SECONDS = 300


def _done(home: Path) -> int:
    """How many trials are done."""
    store = Store(home / "isoflop.db", reading=True)
    try:
        found = store.sweeps()
        return store.state_counts(found[0].id).get(RunState.DONE, 0) if found else 0
    finally:
        store.close()


def _killed_at(sandbox: Sandbox, trials: int, **extra: str) -> None:
    """Tune until so many trials are done, and kill the process."""
    driver = sandbox.start(*TUNE, **extra)
    deadline = time.monotonic() + WAIT_SECONDS
    try:
        while _done(sandbox.home) < trials:
            assert driver.poll() is None, "the tuning was over before the kill"
            assert time.monotonic() < deadline, f"waited {WAIT_SECONDS} s for {trials} trials"
            time.sleep(0.05)
        driver.send_signal(signal.SIGKILL)
    finally:
        driver.kill()
        driver.communicate(timeout=30)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kills_and_workers_change_nothing_of_the_recipe(sandboxes: tuple[Sandbox, Sandbox]) -> None:
    whole, killed = sandboxes
    done = whole.isoflop(*TUNE, check=False, ISOFLOP_WORKERS="2", WANDB_MODE="disabled")
    assert "which was left out: the rules" in done.stderr
    recipe = (whole.home / "recipes" / "tiny.yaml").read_bytes()
    copy_datasets(whole, killed)  # with the choice of implementations, inside which losses are equal to the last bit
    _killed_at(killed, 5, ISOFLOP_WORKERS="1")
    _killed_at(killed, 20, ISOFLOP_WORKERS="2")
    killed.isoflop(*TUNE, check=False, ISOFLOP_WORKERS="1", WANDB_MODE="disabled")
    assert (killed.home / "recipes" / "tiny.yaml").read_bytes() == recipe
    plan = whole.isoflop("plan", "tiny", "recipe=tiny", "recipe_overrides={}", check=False)
    assert "where recipe tiny is proven" in plan.stderr
