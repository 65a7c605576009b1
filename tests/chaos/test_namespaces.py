"""Machines that share no disk, no loopback and no process ids' files: a sweep whose only node is lost once."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from orchestrator.states import Cause
from tests.chaos.cluster import QUIET, Nodes, wait_for
from tests.chaos.machines import RAY, Machine, file_server, forwarded, joined
from tests.chaos.schedules import CHOICES, SWEEP_SECONDS, Stage, losses, resumed
from tests.conftest import ISOFLOP, Finished
from tests.unit.orchestrator.store_fixtures import new_database, postgresql_server

PORT = 6379
"""Of the head: it is the only one in its namespace."""
STARTING_SECONDS = 60


@dataclass
class Apart(Stage):
    """The driver is on the head's machine; database and artifacts are on a third one."""

    head: Machine | None = None
    store: str = ""
    postgresql: str = ""

    @property
    def url(self) -> str:
        """Artifact store, over the network."""
        return self.store

    @property
    def database(self) -> str:
        """PostgreSQL, over the network."""
        return self.postgresql

    def start(self, *arguments: str, **extra: str) -> None:
        """Start the ordinary command on the head's machine."""
        assert self.head is not None
        environment = clean() | {
            "ISOFLOP_HOME": str(self.head.folder / "home"),
            "ISOFLOP_RAY_ADDRESS": f"{self.head.address}:{PORT}",
            "ISOFLOP_ARTIFACTS_URL": self.url,
            "ISOFLOP_DATABASE_URL": self.database,
            "ISOFLOP_WORKERS": "2",
            "ISOFLOP_CHECKPOINT_SECONDS": "0.3",
            "WANDB_MODE": "disabled",
        }
        command = [str(ISOFLOP), "run", "tiny", "--yes", *arguments]
        self.driver = self.head.start(command, environment | extra, self.folder / "driver.log")


def clean() -> dict[str, str]:
    """An environment without anybody's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ISOFLOP_", "WANDB_", "RAY_"))}
    return kept | {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}


def join_ray(machine: Machine, log: Path, *arguments: str) -> None:
    """Make the machine a node of Ray, and wait until it is."""
    options = [f"--node-ip-address={machine.address}", "--block", "--disable-usage-stats", *arguments]
    options += [f"--{name.replace('_', '-')}={value}" for name, value in QUIET.items()]
    environment = clean() | {"ISOFLOP_SCRATCH": str(machine.folder / "scratch"), "ISOFLOP_HOME": str(machine.folder)}
    process = machine.start([RAY, "start", *options], environment, log)

    def up() -> bool:
        assert process.poll() is None, log.read_text()[-3000:]
        return any(p.name() == "raylet" for p in machine.processes()) and "runtime started" in log.read_text()

    wait_for(up, STARTING_SECONDS, f"Ray on {machine.name}")


@pytest.fixture
def apart(finished: Finished) -> Iterator[tuple[Apart, Machine]]:
    """A driver's machine with Ray's head, a node's machine, and the test's own with database and artifacts."""
    with (
        tempfile.TemporaryDirectory(prefix="net-") as name,  # short: Ray's sockets lie below it
        joined(Path(name), "head", "node") as (here, (head, node)),
        postgresql_server() as server,
    ):
        folder = Path(name)
        (folder / "store").mkdir()
        # Equal bits need an equal choice among equivalent implementations.
        shutil.copytree(finished.sandbox.home / CHOICES, folder / "store" / CHOICES)
        shutil.copytree(finished.sandbox.home / "artifacts", head.folder / "home" / "artifacts")
        database = sa.make_url(new_database(server))
        with (
            file_server(here, folder / "store") as store,
            forwarded(here, f"{database.query['host']}/.s.PGSQL.5432") as port,
        ):
            url = database.set(host=here, port=port, query={}).render_as_string(hide_password=False)
            stage = Apart(Nodes(folder), folder, 0, random.Random(0), head=head, store=store, postgresql=url)
            ray = folder / "ray.log"
            join_ray(head, ray, "--head", f"--port={PORT}", "--num-cpus=0", "--include-dashboard=false")
            try:
                yield stage, node
            finally:
                if stage.driver is not None:
                    stage.driver.kill()
                    stage.driver.wait()


def _left(stage: Apart, node: Machine) -> list[Any]:
    return [p for m in (stage.head, node) if m is not None for p in m.processes() if "ray::Worker" in p.name()]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_machines_that_share_nothing_but_the_network(apart: tuple[Apart, Machine], expected: dict[str, str]) -> None:
    stage, node = apart
    head = f"{stage.head.address}:{PORT}" if stage.head else ""
    join_ray(node, stage.folder / "node1.log", f"--address={head}", "--num-cpus=1")
    stage.start()
    wait_for(lambda: "starting" in stage.log or stage.driver.poll() is not None, 120, "the sweep")  # type: ignore[union-attr]

    run, number, pid = stage.in_training(checkpoints=2)
    assert pid in {p.pid for p in node.processes()}
    assert psutil.Process(pid).environ()["HOME"] == str(node.folder)
    psutil.Process(pid).suspend()  # so that it cannot finish before its machine goes
    node.power_off()
    join_ray(node, stage.folder / "node2.log", f"--address={head}", "--num-cpus=1")

    assert stage.ended(SWEEP_SECONDS) in (0, 1), stage.log[-3000:]  # 1: the tiny curves may have no law
    assert losses(stage) == expected, stage.log[-3000:]
    assert stage.attempt_of(run, number).cause == Cause.LOST
    before = [e for e in stage.events(run, number) if e["kind"] == "checkpoint"]
    assert resumed(stage, run, number + 1) >= before[-1]["step"] > 0
    wait_for(lambda: not _left(stage, node), 30, "the end of the workers")
    # Neither machine wrote into the other's folder.
    assert not (node.folder / "home").exists()
    assert subprocess.run(["ls", node.folder / "scratch" / "runs"], check=True, capture_output=True).stdout
