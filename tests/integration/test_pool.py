"""The pool of workers on a real Ray: shares of declared GPUs, and growth and shrinking with a cluster's nodes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cluster import cluster as pool
from orchestrator.cluster.cluster import MAX_FAILED_STARTS, Cluster
from orchestrator.cluster.head_watch import HeadLost

PATIENCE = 120.0


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.2)


def ready(workers: Cluster, useful: int) -> int:
    """Say that so many workers would have a run; how many are ready."""
    workers.want({"": useful})
    return len(workers.idle())


@pytest.mark.slow
def test_the_workers_of_declared_gpus_fill_each_one_with_equal_shares(tmp_path: Path) -> None:
    """Ray believes in two GPUs; torch under it uses the CPU."""
    workers = Cluster(workers=4, device="cpu", token=tmp_path / "token", shares=2, gpus=2)
    try:
        workers.start("test", 1)
        eventually(lambda: len(workers.idle()) == 4)
        slots = workers.idle()
        assert Counter(Counter(s.device for s in slots).values()) == {2: 2}
        assert {s.shares for s in slots} == {2}
    finally:
        workers.close()


@pytest.fixture
def nodes() -> Iterator[Any]:
    from ray.cluster_utils import Cluster as Nodes

    made = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield made
    made.shutdown()


@pytest.mark.slow
def test_workers_come_with_nodes_and_go_when_there_is_nothing_to_do(
    nodes: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import ray

    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
    first = nodes.add_node(num_cpus=1)
    workers = Cluster(workers=8, device="cpu", token=tmp_path / "token", address=nodes.address)
    try:
        workers.start("test", 1)

        # What pends tells an autoscaler to add nodes.
        eventually(lambda: ready(workers, 5) == 1 and len(workers._pool) == 5)
        nodes.add_node(num_cpus=2)
        eventually(lambda: ready(workers, 5) == 3)
        eventually(lambda: ready(workers, 0) == 0)
        assert workers.poll(0.1) == []
        eventually(lambda: ray.available_resources().get("CPU") == 3)  # a node without workers may go
        nodes.remove_node(first)
        eventually(lambda: ready(workers, 2) == 2)
    finally:
        workers.close()


@pytest.fixture
def head(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head that keeps its state on a disk, or in memory only, and a node."""
    from ray.cluster_utils import Cluster as Nodes

    if request.param:
        if tuple(map(int, version("ray").split(".")[:2])) < (2, 60):
            pytest.skip("this Ray's control server keeps no state on a disk")
        monkeypatch.setenv("RAY_gcs_storage", "rocksdb")
        monkeypatch.setenv("RAY_gcs_storage_path", str(tmp_path))
    made = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    made.add_node(num_cpus=1)
    yield made
    made.shutdown()


def _away(head: Any, seconds: float, workers: Cluster) -> None:
    """End the head's control server, and start it again while the scheduler goes on looking."""
    workers.start("test", 1)
    eventually(lambda: ready(workers, 1) == 1)
    head.head_node.kill_gcs_server()
    back = time.monotonic() + seconds
    while time.monotonic() < back:
        workers.want({"": 2})  # it asks a dead head for nothing
        assert workers.poll(0.1) == []
    head.head_node.start_gcs_server()


@pytest.mark.slow
@pytest.mark.parametrize("head", [True], indirect=True)
def test_a_head_that_is_briefly_away_and_keeps_its_state_costs_nothing(head: Any, tmp_path: Path) -> None:
    workers = Cluster(
        workers=2, device="cpu", token=tmp_path / "token", address=head.address, head_seconds=PATIENCE / 4
    )
    try:
        _away(head, 4.0, workers)
        head.add_node(num_cpus=1)
        eventually(lambda: workers.poll(0.1) == [] and ready(workers, 2) == 2)
    finally:
        workers.close()


@pytest.mark.slow
@pytest.mark.parametrize("head", [False], indirect=True)
def test_a_head_that_comes_back_without_its_state_is_lost(head: Any, tmp_path: Path) -> None:
    workers = Cluster(
        workers=2, device="cpu", token=tmp_path / "token", address=head.address, head_seconds=PATIENCE / 4
    )
    try:
        _away(head, 4.0, workers)
        with pytest.raises(HeadLost, match="WrongClusterID"):
            eventually(lambda: workers.poll(0.1) != [])
    finally:
        workers.close()


@pytest.mark.slow
@pytest.mark.parametrize("head", [False], indirect=True)
def test_a_worker_that_is_lost_while_the_head_is_away_is_replaced_by_none(head: Any, tmp_path: Path) -> None:
    """To ask a dead head for another would block for a minute, and then Ray would end this process."""
    workers = Cluster(workers=1, device="cpu", token=tmp_path / "token", address=head.address)
    try:
        workers.start("test", 1)
        eventually(lambda: ready(workers, 1) == 1)
        head.head_node.kill_gcs_server()
        workers._replace(workers._pool[0])
        with pytest.raises(HeadLost, match="has not answered"):
            eventually(lambda: workers.want({"": 1}) is not None)
    finally:
        workers.close()


@pytest.mark.slow
def test_a_node_that_is_lost_with_all_that_start_on_it_ends_nothing(nodes: Any, tmp_path: Path) -> None:
    first = nodes.add_node(num_cpus=MAX_FAILED_STARTS)
    workers = Cluster(workers=MAX_FAILED_STARTS, device="cpu", token=tmp_path / "token", address=nodes.address)
    try:
        workers.start("test", 1)
        workers.want({"": MAX_FAILED_STARTS})
        nodes.remove_node(first, allow_graceful=False)  # while they import
        assert workers.idle() == []
        nodes.add_node(num_cpus=1)
        eventually(lambda: ready(workers, MAX_FAILED_STARTS) == 1)
    finally:
        workers.close()
