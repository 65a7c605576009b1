"""Pools whose clock and Ray obey the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.cluster import cluster as cluster_module
from orchestrator.cluster import pool_worker
from orchestrator.cluster.cluster import Cluster
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
