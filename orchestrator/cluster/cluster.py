"""The only user of Ray: a pool of warm worker processes that carry out attempts and say how they ended."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from orchestrator.attempts import Assignment, Kinds, Outcome, Report, Slot
from orchestrator.cluster import signals
from orchestrator.cluster.head_watch import ANSWER_SECONDS, HeadWatch
from orchestrator.cluster.placement import Place, demand_of, workers_by_kind
from orchestrator.cluster.pool_worker import Seat
from orchestrator.cluster.worker import WORKER_ENVIRONMENT, Worker
from orchestrator.settings import HEAD_SECONDS
from orchestrator.states import Cause
from tokenizer.errors import ExpectedError

log = logging.getLogger("isoflop.cluster")
PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
RAY_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
FOLDER_PREFIX = "isoflop-ray-"
MAX_FAILED_STARTS = 3
"""Worker processes that may die in a row before they have imported everything."""
CLOSE_SECONDS = 5.0
"""Time that workers get at the end for the wandb mirror's last records."""
ACCELERATOR = "accelerator_type:"
"""How Ray begins the name of the resource that says what accelerators a node has."""
NAMESPACE = "isoflop"
"""Ray namespace of the workers' names."""
STRANGER_SECONDS = 20.0
"""Time that an interrupted scheduler's workers get to end after they were told."""
SILENCE_MARGIN = 15.0
"""Seconds beyond a lease until its worker counts as lost: time to finish a step and leave a checkpoint."""
OBJECT_STORE_BYTES = 100 * 2**20
"""Ray's object store carries only assignments and outcomes, a few kilobytes each."""
STUCK_SECONDS = 30.0
"""Time after which a worker that waits for a node takes no other's place."""
IDLE_SECONDS = 30.0
"""Time for which a worker of a Ray cluster stays without a run before its node may go."""


class ClusterError(ExpectedError, RuntimeError):
    """Ray cannot be started or reached; the message says what to do."""

    kind = "cluster"


class PlacedWorker(Worker):
    """A worker that can say where Ray put it."""

    def place(self) -> Place:
        """Answer once the process has imported everything."""
        import ray

        context = ray.get_runtime_context()
        node = context.get_node_id()
        gpus = tuple(str(gpu) for gpu in context.get_accelerator_ids().get("GPU", []))
        if gpus and self._device == "cpu":  # a GPU that Ray was told of, and no driver of ours sees
            self._kind = next(iter(_declared(node)), self._kind)
        return Place(node, gpus, self._kind, self.device_memory())


class Cluster:
    """A pool of warm workers on a local Ray, or on the one at `address`.

    Locally there are `workers` of them for as long as the pool lives. On a cluster `workers` is the most there may be:
    as many as have something to do are asked for, and idle ones end, so that an autoscaler adds and removes nodes.
    Those for runs that ask for a kind of device are asked for with it. Each GPU has `shares` workers. `gpus` says how
    many GPUs there are though torch uses `device`; by default a local Ray looks. The head of a cluster may be
    silent for `head_seconds`.
    """

    def __init__(
        self,
        *,
        workers: int,
        device: str,
        address: str = "local",
        shares: int = 1,
        gpus: int | None = None,
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
        self._workers = workers
        self._device = device
        self._address = address
        self._shares = shares
        self._gpus = gpus
        self._gpu = bool(gpus) or device.startswith("cuda")
        self._head_seconds = head_seconds
        self._head: HeadWatch | None = None
        self._slots: list[Seat] = []
        self._started = False
        self._failed_starts = 0
        self._names = ""
        self._born = 0
        # Ray puts the driver's working directory first on its workers' module path: let that be an empty folder.
        self.folder = tempfile.mkdtemp(prefix=FOLDER_PREFIX)
        """Ray's temporary folder."""

    def start(self, identity: str, driver: int) -> None:
        """Start Ray and the workers; they import in the background.

        The workers' names tell to which database (`identity`) and driver they belong: those that an earlier driver of
        this database left on a Ray cluster are ended.

        Raises ClusterError.
        """
        import ray

        os.environ |= {k: v for k, v in RAY_ENVIRONMENT.items() if k not in os.environ}
        local = self._address == "local"
        options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        if local:
            options |= {
                "num_cpus": max(self._workers, 1),
                "num_gpus": self._gpus,
                "include_dashboard": False,
                "_temp_dir": self.folder,
                "object_store_memory": OBJECT_STORE_BYTES,
            }
        try:
            with contextlib.chdir(self.folder), signals.kept():
                ray.init(address=self._address, **options)
        except (RuntimeError, OSError, ConnectionError, ValueError) as error:
            raise ClusterError(f"Ray at {self._address!r} cannot be started or reached: {error}") from error
        self._started = True
        if not local:
            context = ray.get_runtime_context()
            self._head = HeadWatch(context.gcs_address, self._head_seconds, _why_silent)
        self._names = f"{identity}-{driver}"
        self._end_strangers(identity)
        self._slots = [self._new_slot(i) for i in range(self._workers)] if local else []

    def want(self, useful: Mapping[str, int]) -> None:
        """Say how many workers would have a run, by kind: on a cluster their numbers follow, one after the other.

        Raises HeadLost.
        """
        if self._head is None:
            return
        ready = Counter(s.kind for s in self._slots if s.place is not None)
        stuck = {s.kind for s in self._slots if s.waits(STUCK_SECONDS)}
        wanted = workers_by_kind(useful, ready, self._workers, stuck)
        have = Counter(s.kind for s in self._slots)
        # Where another kind waits for room, what has nothing to do makes it at once.
        crowded = self._room() <= 0 and any(have[kind] < number for kind, number in wanted.items())
        for slot in list(reversed(self._slots)):
            rests = slot.place is None or slot.rests(0.0 if crowded else IDLE_SECONDS)
            if have[slot.kind] > wanted.get(slot.kind, 0) and rests:
                have[slot.kind] -= 1
                self._slots.remove(slot)
                self._close_workers([slot])
        for kind, number in wanted.items():
            while have[kind] < number and (kind in stuck or self._room() > 0):
                # Asking a silent head for a worker would block, and Ray may end this process.
                if not self._head.answers(now=True):
                    return
                have[kind] += 1
                self._slots.append(self._new_slot(self._born, kind))

    def _room(self) -> int:
        """Workers that there may be beyond those that are there or soon will be."""
        return self._workers - sum(not slot.waits(STUCK_SECONDS) for slot in self._slots)

    def kinds(self) -> Kinds:
        """Which kinds of device the workers have, busy or not, and which the nodes declare.

        Raises HeadLost.
        """
        ready = tuple(slot.offered(self._shares) for slot in self._slots if slot.place is not None)
        reached = self._head is not None and self._head.answers(now=True)
        return Kinds(ready, tuple(_declared()) if reached else ())

    def _end_strangers(self, identity: str) -> None:
        """End the workers that a dead driver of this database left on a cluster, before their runs are handed out."""
        import ray

        deadline = time.monotonic() + STRANGER_SECONDS
        while strangers := [
            actor["name"]
            for actor in ray.util.list_named_actors(all_namespaces=True)
            if actor["namespace"] == NAMESPACE and actor["name"].startswith(f"{identity}-")
        ]:
            for name in strangers:
                with contextlib.suppress(ValueError, ray.exceptions.RayError):
                    ray.kill(ray.get_actor(name, namespace=NAMESPACE))
            if time.monotonic() > deadline:
                raise ClusterError(f"workers of an interrupted scheduler do not end: {', '.join(strangers)}")
            time.sleep(0.1)

    def _new_slot(self, index: int, kind: str = "") -> Seat:
        import ray

        self._born += 1
        present = _declared() if kind else []
        demand = demand_of(self._gpu, self._shares, kind, present)
        # Where GPUs are only declared, torch uses the pool's own device on them, too.
        device = "cpu" if not demand.num_gpus else self._device if self._gpu else "cuda"
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        pin = self._address == "local" and self._device == "cpu" and index < len(cores)
        core = cores[index] if pin else None
        remote = ray.remote(PlacedWorker).options(
            name=f"{self._names}-{self._born}",
            namespace=NAMESPACE,
            num_cpus=demand.num_cpus,
            num_gpus=demand.num_gpus,
            accelerator_type=demand.accelerator,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=3,
            runtime_env={"env_vars": WORKER_ENVIRONMENT},
        )
        actor: Any = remote.remote(device, core, PACKAGE_ROOT)
        return Seat(f"worker-{index}", kind, core, actor, ready=actor.place.remote(), heard=time.monotonic())

    def idle(self) -> list[Slot]:
        """The workers that are ready and have nothing to do."""
        import ray

        waiting = [s for s in self._slots if s.assignment is None]
        done, _ = ray.wait([s.ready for s in waiting], num_returns=len(waiting), timeout=0) if waiting else ([], [])
        ready = set(done)
        return [s.offered(self._shares) for s in waiting if s.ready in ready and self._import_worked(s)]

    def _import_worked(self, slot: Seat) -> bool:
        """Look at a worker's start; one that died is replaced, one that cannot import ends the scheduler."""
        import ray

        if slot.place is not None:
            return True
        try:
            slot.place, slot.heard = ray.get(slot.ready), time.monotonic()
        except ray.exceptions.RayTaskError as error:
            raise ClusterError(f"a worker cannot start: {error.cause}") from error
        except ray.exceptions.RayActorError as error:
            if "creation task" in str(error) or "__init__" in str(error):
                raise ClusterError(f"a worker cannot start: {error}") from error
            # A node that goes takes with it all that start on it: that says nothing about them.
            self._failed_starts += "node has died" not in str(error)
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise ClusterError(f"workers die while they start: {error}") from error
            self._replace(slot)
            return False
        self._failed_starts = 0
        return True

    def assign(self, worker: str, assignment: Assignment) -> None:
        """Hand an attempt to an idle worker."""
        slot = self._slot(worker)
        slot.assignment, slot.latest, slot.heard = assignment, {}, time.monotonic()
        slot.outcome = slot.actor.train.remote(assignment)

    def poll(self, timeout: float) -> list[Report]:
        """Wait up to `timeout` seconds for attempts to end, and report those that did.

        Raises HeadLost.
        """
        import ray

        if self._head is not None:
            self._head.answers()
        busy = {s.outcome: s for s in self._slots if s.assignment is not None}
        coming = [s.ready for s in self._slots if s.place is None]
        _, starting = ray.wait(coming, num_returns=len(coming), timeout=0) if coming else ([], [])
        if not busy and not starting:
            time.sleep(timeout)
            return []
        ray.wait([*busy, *starting], num_returns=1, timeout=timeout)
        if not busy:
            return []
        done, _ = ray.wait(list(busy), num_returns=len(busy), timeout=0)
        return [self._report(busy[ref]) for ref in done] + self._silent()

    def _silent(self) -> list[Report]:
        """Give up the attempts whose worker did not answer for longer than its lease: it has stopped by itself."""
        reports = []
        for slot in list(self._slots):
            if (
                slot.assignment is None
                or time.monotonic() - slot.heard < slot.assignment.lease_seconds + SILENCE_MARGIN
            ):
                continue
            outcome = Outcome(Cause.LOST, detail="its worker does not answer", flops=slot.latest.get("flops", 0.0))
            reports.append(Report(slot.name, *slot.assignment.key, outcome))
            self._replace(slot)
            slot.assignment = slot.outcome = slot.progress = None
        return reports

    def _report(self, slot: Seat) -> Report:
        import ray

        assignment = slot.assignment
        assert assignment is not None
        try:
            outcome: Outcome = ray.get(slot.outcome)
        except ray.exceptions.OutOfMemoryError as error:
            outcome = Outcome(Cause.OUT_OF_MEMORY, detail=str(error), flops=slot.latest.get("flops", 0.0))
            self._replace(slot)
        except ray.exceptions.RayError as error:
            detail = f"{type(error).__name__}: {error}"
            # A node that was taken away says nothing about the run.
            cause = Cause.PREEMPTED if getattr(error, "preempted", False) else Cause.LOST
            outcome = Outcome(cause, detail=detail, flops=slot.latest.get("flops", 0.0))
            self._replace(slot)
        slot.heard = time.monotonic()
        slot.assignment = slot.outcome = slot.progress = None
        return Report(slot.name, assignment.run_id, assignment.fence, outcome)

    def _replace(self, slot: Seat) -> None:
        """Put a fresh process in the place of one that died; on a cluster the next look at what is wanted does."""
        import ray

        with contextlib.suppress(ray.exceptions.RayError):
            ray.kill(slot.actor)
        if self._head is not None:
            self._slots.remove(slot)
            return
        fresh = self._new_slot(int(slot.name.removeprefix("worker-")), slot.kind)
        slot.actor, slot.ready, slot.heard, slot.place = fresh.actor, fresh.ready, fresh.heard, None

    def progress(self) -> dict[str, dict[str, Any]]:
        """The latest event of each run in training, by run id, as of the last look; asks for the next."""
        import ray

        for slot in self._slots:
            if slot.assignment is None:
                continue
            if slot.progress is not None:
                done, _ = ray.wait([slot.progress], timeout=0)
                if not done:
                    continue
                with contextlib.suppress(ray.exceptions.RayError):
                    slot.latest = ray.get(slot.progress)
                    slot.heard = time.monotonic()
            slot.progress = slot.actor.progress.remote()
        return {s.assignment.run_id: s.latest for s in self._slots if s.assignment is not None}

    def stop(self, run_id: str) -> None:
        """Ask a run in training to leave a checkpoint and end; its report follows."""
        for slot in self._slots:
            if slot.assignment is not None and slot.assignment.run_id == run_id:
                slot.actor.stop.remote(*slot.assignment.key)

    def stop_all(self, grace: float) -> list[Report]:
        """Ask every run in training to leave a checkpoint, and report what ended within `grace` seconds."""
        import ray

        busy = {s.outcome: s for s in self._slots if s.assignment is not None}
        for run_id in [s.assignment.run_id for s in self._slots if s.assignment is not None]:
            self.stop(run_id)
        done, _ = ray.wait(list(busy), num_returns=len(busy), timeout=grace) if busy else ([], [])
        return [self._report(busy[ref]) for ref in done]

    def processes(self) -> list[list[Any]]:
        """Process id, creation time and name of this process and of all that it started."""
        own = psutil.Process()
        found = [own]
        with contextlib.suppress(psutil.Error):
            found += own.children(recursive=True)
        rows = []
        for process in found:
            with contextlib.suppress(psutil.Error):
                rows.append([process.pid, process.create_time(), process.name()])
        return rows

    def close(self) -> None:
        """End the workers, and Ray if it is ours."""
        if self._started:
            import ray

            try:
                self._close_workers(self._slots)
                self._slots = []
            finally:
                ray.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _close_workers(self, slots: Sequence[Seat]) -> None:
        import ray

        # One that never came up would keep us waiting for nothing.
        closing = [slot.actor.close.remote(CLOSE_SECONDS) for slot in slots if slot.place is not None]
        done, _ = ray.wait(closing, num_returns=len(closing), timeout=CLOSE_SECONDS + 2) if closing else ([], [])
        for reference in done:
            with contextlib.suppress(ray.exceptions.RayError):
                for note in dict.fromkeys(ray.get(reference)):
                    log.warning("%s", note)
        for slot in slots:
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(slot.actor)

    def _slot(self, name: str) -> Seat:
        return next(s for s in self._slots if s.name == name)


def _declared(node: str = "") -> list[str]:
    """Types of accelerator that Ray's living nodes declare, or one of them."""
    import ray

    nodes: Any = ray.nodes
    names = {name for n in nodes() if n["Alive"] and node in ("", n["NodeID"]) for name in n["Resources"]}
    return sorted(name.removeprefix(ACCELERATOR) for name in names if name.startswith(ACCELERATOR))


def _why_silent() -> str:
    """Ask the control server of the cluster whether it is there; why not, if it is not.

    One that was started anew without its state does not know us: that is no answer either.
    """
    import ray

    try:
        ray.get_runtime_context().worker.gcs_client.check_alive([], timeout=ANSWER_SECONDS)
    except ray.exceptions.RayError as error:
        return str(error).split(". ")[0].rstrip(".")
    return ""
