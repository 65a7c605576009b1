"""Pools whose clock and Ray obey the test; a real worker, and a run on a tiny dataset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from model.config import RunConfig
from orchestrator.cluster import cluster as cluster_module
from orchestrator.cluster import pool_worker
from orchestrator.cluster.cluster import Cluster
from orchestrator.cluster.worker import Worker
from tests.conftest import ROOT
from tests.unit.model.model_data import small_run, write_dataset
from tests.unit.orchestrator.cluster.pool import Session


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    for module in (cluster_module, pool_worker):
        monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(cluster_module.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(cluster_module, "RaySession", Session)
    return now


@pytest.fixture
def made(clock: list[float]) -> Iterator[list[Cluster]]:
    clusters: list[Cluster] = []
    yield clusters
    for each in clusters:
        each.close()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunConfig]:
    """A home with a tiny dataset, and a run on it."""
    root = tmp_path_factory.mktemp("home")
    data = write_dataset(root / "artifacts")  # makes a folder named after its content
    return root, small_run(data)


@pytest.fixture(scope="module")
def worker() -> Worker:
    return Worker("cpu", None, str(ROOT))
