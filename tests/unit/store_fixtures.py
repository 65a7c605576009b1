"""A store with one small sweep, for the tests of everything above it."""

from pathlib import Path
from typing import Any

from orchestrator.store import NewRun, Store, SweepRecord


def open_store(folder: Path) -> Store:
    return Store(f"sqlite:///{folder / 'test.db'}")


def sweep_record(name: str = "demo", revision: str = "aaaa0000") -> SweepRecord:
    return SweepRecord(0, name, revision, "name: demo\n", "data", 1000, [], [], 0.0)


def new_run(index: int, seconds: float | None = None) -> NewRun:
    cell = {"budget": 1e9, "shape": f"s{index}", "tokens": 1000, "params": 10 * index}
    return NewRun(f"run{index}", {"n": index, "dataset": "data"}, 1e9 * (index + 1), seconds, cell)


def result(loss: float = 3.0) -> dict[str, Any]:
    return {"loss": loss, "bits_per_byte": loss / 2, "train_seconds": 1.5}
