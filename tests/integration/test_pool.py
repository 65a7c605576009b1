"""The pool of workers on a real Ray: shares of declared GPUs, and growth and shrinking with a cluster's nodes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchestrator import cluster as pool
from orchestrator.cluster import Cluster

PATIENCE = 120.0


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.2)


@pytest.mark.slow
def test_the_workers_of_declared_gpus_fill_each_one_with_equal_shares() -> None:
    """Ray believes in two GPUs; torch under it uses the CPU."""
    workers = Cluster(workers=4, device="cpu", shares=2, gpus=2)
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
    nodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
    first = nodes.add_node(num_cpus=1)
    workers = Cluster(workers=8, device="cpu", address=nodes.address)
    try:
        workers.start("test", 1)

        def ready(useful: int) -> int:
            workers.want({"": useful})
            return len(workers.idle())

        # What pends tells an autoscaler to add nodes.
        eventually(lambda: ready(5) == 1 and len(workers._slots) == 5)
        nodes.add_node(num_cpus=2)
        eventually(lambda: ready(5) == 3)
        eventually(lambda: ready(0) == 0)
        assert workers.poll(0.1) == []
        eventually(lambda: ray.available_resources().get("CPU") == 3)  # a node without workers may go
        nodes.remove_node(first)
        eventually(lambda: ready(2) == 2)
    finally:
        workers.close()
