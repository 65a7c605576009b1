"""A Ray of our own whose processes are killed under a service and under `run`: noticed, started again, said."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.conftest import ROOT, Finished, Sandbox, copy_datasets, make_sandbox, serving

TINY = (ROOT / "sweeps" / "conf" / "tiny.yaml").read_text()
PATIENCE = 120.0
"""Seconds; where nobody notices, nothing ever happens."""


def eventually(look: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, f"it did not come about: {what}"
        time.sleep(0.2)
    return found


def ray_process(home: Path, name: str) -> psutil.Process | None:
    """A living process of the Ray of the service or command in a home."""
    holder = (home / "scheduler.lock").read_text().partition(" ")[0]
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(int(holder)).children(recursive=True) if holder else []:
            if child.name() == name and child.status() != psutil.STATUS_ZOMBIE:
                return child
    return None


def has_workers(home: Path) -> bool:
    """Whether the present Ray has begun to start workers, and so is up."""
    with contextlib.suppress(psutil.Error):
        raylet = ray_process(home, "raylet")
        return raylet is not None and any(child.name().startswith("ray::Placed") for child in raylet.children())
    return False


def kill(home: Path, name: str) -> None:
    """Kill a process of a Ray that is up, and wait for another that takes its place."""
    eventually(lambda: has_workers(home), "workers")
    killed = eventually(lambda: ray_process(home, name), f"a {name}")
    killed.kill()
    eventually(lambda: (new := ray_process(home, name)) and new.pid != killed.pid, f"another {name}")


@pytest.mark.slow
def test_a_service_trains_on_whichever_process_of_its_ray_is_killed(tmp_path: Path, finished: Finished) -> None:
    sandbox = make_sandbox(tmp_path)
    copy_datasets(finished.sandbox, sandbox)
    with serving(sandbox) as url:
        kill(sandbox.home, "gcs_server")  # while nothing trains: Ray itself would end the service after a minute
        assert httpx.post(f"{url}/api/v1/sweeps", content=TINY, timeout=120).status_code == 201
        eventually(lambda: httpx.get(f"{url}/api/v1/sweeps", timeout=60).json()[0]["running"], "a run in training")
        kill(sandbox.home, "raylet")  # while runs train
        assert httpx.get(f"{url}/healthz", timeout=60).json() == {"scheduler": "ready"}

        def done() -> bool:
            state = httpx.get(f"{url}/api/v1/sweeps", timeout=60).json()[0]
            return bool(state["done"] == state["total"] > 0)

        eventually(done, "the end of the sweep")
    assert losses(sandbox) == losses(finished.sandbox)


def losses(sandbox: Sandbox) -> dict[str, float]:
    runs = json.loads(sandbox.isoflop("show", "tiny", "-o", "json").stdout)["runs"]
    assert runs
    return {run["run"]: run["loss"] for run in runs}


@pytest.mark.slow
def test_a_command_gives_up_with_the_reason_when_ray_dies_again_and_again(tmp_path: Path, finished: Finished) -> None:
    sandbox = make_sandbox(tmp_path)
    copy_datasets(finished.sandbox, sandbox)
    long = [
        "sizes.count=2",
        "budgets=[9e12]",
        "epochs_max=99",
        "limits.flops=1e15",
    ]  # no attempt comes to its end in between
    command = sandbox.start("run", "tiny", *long, "--yes")
    try:
        lock = sandbox.home / "scheduler.lock"
        eventually(lambda: lock.exists() or command.poll() is not None, "a scheduler")
        assert command.poll() is None, command.communicate()
        for _ in range(3):
            kill(sandbox.home, "raylet")
        eventually(lambda: has_workers(sandbox.home), "workers")
        last = eventually(lambda: ray_process(sandbox.home, "raylet"), "a raylet")
        last.kill()
        output, _ = command.communicate(timeout=PATIENCE)
    finally:
        command.kill()
        command.wait(10)
    assert command.returncode == 1, output[-3000:]
    assert "its process raylet has ended, 4 times in a row: see whether this machine runs out of memory" in output
    assert "it is started again, and runs in training go on" in output
    assert "Traceback" not in output and "Raylet is terminated" not in output
