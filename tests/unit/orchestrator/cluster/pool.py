"""A pool of workers over a session that obeys the test instead of Ray."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from orchestrator.attempts import Assignment, Outcome, RunProgress, Tracking
from orchestrator.cluster.cluster import Cluster
from orchestrator.cluster.head_watch import HeadLost
from orchestrator.cluster.placement import Demand, WorkerLocation
from orchestrator.cluster.private_folder import PrivateFolder
from orchestrator.cluster.ray_session import ClusterError
from orchestrator.states import Cause

TOKEN = Path("/home/me/ray-token")
OFF = Tracking("disabled", "", "p", "test")


def assignment(run_id: str = "run", fence: int = 1) -> Assignment:
    return Assignment(run_id, fence, {}, "artifacts", "sweep", "name", OFF)


class Session:
    """A Ray whose promises are fulfilled when the test says."""

    def __init__(self, address: str, folder: PrivateFolder, token: Path, hidden: frozenset[str]) -> None:
        self.given = folder, token, hidden
        self.address, self.local = address, address == "local"
        self.born = 0
        self.values: dict[str, Any] = {}
        """What each promise gives; one that is not here is not fulfilled."""
        self.asked: list[tuple[Demand, str, int | None]] = []
        self.killed: list[str] = []
        self.stopped: list[tuple[str, str]] = []
        self.closed: list[str] = []
        self.calls: list[str] = []
        """Starts and ends of Ray."""
        self.head_answers = True
        self.lost = ""
        """Why the head is lost; empty while it is not."""
        self.start_fails = False

    def start(self, cpus: int, gpus: int | None) -> None:
        self.calls.append("start")
        self.size = cpus, gpus
        if self.start_fails:
            raise ClusterError("Ray cannot be started")

    def end(self) -> None:
        self.calls.append("end")

    def watch_head(self, patience: float) -> Any:
        self.lost = ""
        return self

    def answers(self, *, now: bool = False) -> bool:
        if self.lost:
            raise HeadLost(self.lost)
        return self.head_answers

    def claim_names(self, identity: str, driver: int) -> None:
        self.names = identity, driver

    def accelerators(self) -> list[str]:
        return ["H100"]

    def new_worker(self, demand: Demand, device: str, core: int | None) -> tuple[str, str]:
        self.asked.append((demand, device, core))
        self.born += 1
        return f"actor{self.born}", f"ready{self.born}"

    def train(self, actor: str, made: Assignment) -> str:
        return f"{made.run_id} on {actor}"

    def ask_progress(self, actor: str) -> str:
        return f"progress of {actor}"

    def stop(self, actor: str, made: Assignment) -> None:
        self.stopped.append((actor, made.run_id))

    def kill(self, actor: str) -> None:
        self.killed.append(actor)

    def fulfilled(self, promises: Collection[str], timeout: float = 0.0, least: int | None = None) -> set[str]:
        return {promise for promise in promises if promise in self.values}

    def location_of(self, promise: str) -> Any:
        return self.values[promise]

    def outcome_of(self, promise: str, flops: float) -> tuple[Outcome, bool]:
        found = self.values[promise]
        return (found, True) if isinstance(found, Outcome) else (Outcome(Cause.LOST, flops=flops), False)

    def progress_of(self, promise: str) -> dict[str, RunProgress] | None:
        return self.values.pop(promise)

    def close_workers(self, ready: Sequence[str], others: Iterable[str], seconds: float) -> list[str]:
        self.closed += [*ready, *others]
        return ["a note"] if ready else []

    def come_up(self, *numbers: int, gpus: tuple[str, ...] = ()) -> None:
        """The processes of these numbers have imported everything."""
        for n in numbers:
            self.values[f"ready{n}"] = WorkerLocation("node", gpus, "kind", 100 if gpus else None)


def start(made: list[Cluster], workers: int = 2, **options: Any) -> tuple[Cluster, Any]:
    pool = Cluster(workers=workers, device=options.pop("device", "cpu"), token=TOKEN, **options)
    made.append(pool)
    pool.start("database", 7)
    return pool, pool._ray
