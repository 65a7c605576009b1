"""A service's demand makes a real autoscaler add nodes; a node is taken away; without work all of them leave."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from orchestrator.states import Cause, RunState
from tests.chaos.autoscaled import MOST_NODES, Autoscaled
from tests.chaos.cluster import end, wait_for
from tests.chaos.schedules import CHOICES, SWEEP_SECONDS, Stage, losses, prepare, resumed
from tests.conftest import ISOFLOP, Finished

SCALING_SECONDS = 180


class Serving(Stage):
    """The driver is a service: it lives on when there is nothing to do."""

    def command(self, *arguments: str) -> list[str]:
        """What a driver is."""
        return [str(ISOFLOP), "serve", "--port", "0", *arguments]

    @property
    def done(self) -> bool:
        """Whether the sweep is over."""
        return {run.state for run in self.runs()} == {RunState.DONE}


@pytest.fixture
def nodes() -> Iterator[Autoscaled]:
    """The cluster, in a folder with a short name: Ray's sockets lie below it."""
    with tempfile.TemporaryDirectory(prefix="scaled-") as folder:
        made = Autoscaled(Path(folder))
        try:
            made.start()
            yield made
        finally:
            end(made.processes())
        assert made.processes() == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nodes_come_for_a_sweep_one_is_lost_and_all_leave(
    nodes: Autoscaled, finished: Finished, expected: dict[str, str]
) -> None:
    stage = Serving(nodes, nodes.folder, 0, random.Random(0))
    prepare(stage.home, finished.sandbox.home / "artifacts")
    # Equal bits need an equal choice among equivalent implementations.
    shutil.copytree(finished.sandbox.home / CHOICES, nodes.folder / "store" / CHOICES)
    assert nodes.raylets() == {}

    stage.start(ISOFLOP_HOME=str(stage.home), ISOFLOP_WORKERS="8")
    wait_for(lambda: len(nodes.raylets()) == MOST_NODES, SCALING_SECONDS, f"two nodes: {stage.log[-800:]}")

    run, number, pid = stage.in_training(checkpoints=2)
    lost = nodes.node_of(pid)
    psutil.Process(pid).suspend()  # so that it cannot finish before its node goes
    shutil.rmtree(nodes.scratch / "runs" / run)  # with the node goes its disk
    nodes.raylets()[lost].kill()
    psutil.Process(pid).kill()

    wait_for(lambda: stage.done, SWEEP_SECONDS, "the end of the sweep")
    assert losses(stage) == expected
    assert stage.attempt_of(run, number).cause == Cause.LOST
    before = [e for e in stage.events(run, number) if e["kind"] == "checkpoint"]
    # At most the work since the last checkpoint is lost: the very next attempt goes on from it.
    assert resumed(stage, run, number + 1) >= before[-1]["step"] > 0
    assert [a.cause for a in stage.attempts()].count(Cause.LOST) == 1

    # The service goes on, and its workers end so that the nodes may go.
    wait_for(lambda: not nodes.raylets(), SCALING_SECONDS, f"the nodes to leave: {nodes.raylets()}")
    assert stage.driver is not None and stage.driver.poll() is None, stage.log[-2000:]
    stage.driver.terminate()
    assert stage.ended(60) == 0, stage.log[-2000:]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_service_whose_head_dies_ends_with_the_reason(nodes: Autoscaled) -> None:
    stage = Serving(nodes, nodes.folder, 0, random.Random(0))
    stage.start(ISOFLOP_HOME=str(stage.home), ISOFLOP_WORKERS="2")
    wait_for(lambda: "page and REST" in stage.log, SCALING_SECONDS, "the service")
    assert stage.driver is not None
    own = {stage.driver.pid, *(p.pid for p in psutil.Process(stage.driver.pid).children(recursive=True))}
    end([p for p in nodes.processes() if p.pid not in own])
    assert stage.ended(60) == 1, stage.log[-2000:]
    assert "has not answered for" in stage.log
    assert "Traceback" not in stage.log
