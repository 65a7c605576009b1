"""The one file that calls Ray: starts or joins it, creates workers on it, and translates its answers and errors."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.attempts import Assignment, Outcome, RunProgress
from orchestrator.cluster import signals
from orchestrator.cluster.artifact_store import scratch_folder
from orchestrator.cluster.head_watch import ANSWER_SECONDS, HeadLost, HeadWatch
from orchestrator.cluster.own_processes import OwnProcesses
from orchestrator.cluster.placement import Demand, WorkerLocation
from orchestrator.cluster.private_folder import PrivateFolder
from orchestrator.cluster.ray_environment import OURS, SAFE_PATH, driver_environment, workers_environment
from orchestrator.cluster.ray_nodes import declared_accelerators, living_nodes
from orchestrator.cluster.ray_token import ensure_token
from orchestrator.cluster.ray_words import SAME_TOKEN, START_RAY, first_line, node_died, short_of_memory
from orchestrator.cluster.worker import WORKER_ENVIRONMENT, Worker
from orchestrator.home import PRIVATE_UMASK
from orchestrator.settings import MOST_STACKED
from orchestrator.states import Cause
from tokenizer.errors import ExpectedError

PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
NAMESPACE = "isoflop"
"""Ray namespace of the workers' names."""
STRANGER_SECONDS = 20.0
"""Time that an interrupted scheduler's workers get to end after they were asked to."""
OBJECT_STORE_BYTES = 100 * 2**20
"""Size of Ray's object store: it carries only assignments and outcomes, a few kilobytes each."""

Reference = Any
"""Ray's promise of a value."""
Actor = Any
"""Ray's handle of a worker process."""


class ClusterError(ExpectedError, RuntimeError):
    """Ray cannot be started or reached; the message says what to do."""

    kind = "cluster"


@dataclass(frozen=True, slots=True)
class FailedStart:
    """A worker process that died before it had imported everything."""

    reason: str
    """What Ray says about it."""
    node_died: bool = False
    """Whether it died with its node, which is no fault of the worker."""
    out_of_memory: bool = False
    """Whether Ray ended it because the machine's memory ran short."""


class PlacedWorker(Worker):
    """A worker in a process of its own, which can say where Ray placed it."""

    def __init__(self, device: str, core: int | None, package_root: str) -> None:
        """Prepare this process, whose logs and checkpoints are for this user alone."""
        os.umask(PRIVATE_UMASK)
        for name in OURS:  # a node that an operator started may have them
            os.environ.pop(name, None)
        super().__init__(device, core, package_root)

    def location(self) -> WorkerLocation:
        """Answer once the process has imported everything."""
        import ray

        context, node = ray.get_runtime_context(), ray.get_runtime_context().get_node_id()
        gpus = tuple(str(gpu) for gpu in context.get_accelerator_ids().get("GPU", []))
        if gpus and self._device == "cpu":  # a GPU that was declared to Ray, and that torch does not see
            self._kind = next(iter(declared_accelerators(node)), self._kind)
        return WorkerLocation(node, gpus, self._kind, self.device_memory())


class RaySession:
    """Ray as the pool of workers uses it: one of our own (`address` is `local`), or the one at an address."""

    def __init__(self, address: str, folder: PrivateFolder, token: Path, hidden: frozenset[str] = frozenset()) -> None:
        """Describe the session.

        Args:
            address: of Ray.
            folder: where a Ray of our own keeps its files.
            token: file with the secret of such a Ray.
            hidden: names of the variables that its workers must not have.
        """
        self.address = address
        self._folder, self._token, self._hidden = folder, token, hidden
        self._names, self._born = "", 0

    @property
    def local(self) -> bool:
        """Whether this Ray is our own and ends with this process."""
        return self.address == "local"

    def start(self, cpus: int, gpus: int | None) -> None:
        """Start a Ray with these CPUs and GPUs (None looks for them), or join the one at the address.

        Raises ClusterError, FolderError.
        """
        os.environ |= driver_environment(os.environ, self.address, self._token)
        options: dict[str, Any] = {}
        inherited: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if self.local:
            ensure_token(self._token)
            inherited = workers_environment(self._folder, scratch_folder().absolute(), self._hidden)
            options |= {
                "num_cpus": cpus,
                "num_gpus": gpus,
                "include_dashboard": False,
                "_temp_dir": str(self._folder.ray),
                "object_store_memory": OBJECT_STORE_BYTES,
            }
        connect(self.address, options, inherited)

    def end(self) -> None:
        """End our own Ray, or leave the one that was joined."""
        import ray

        with signals.kept():
            ray.shutdown()

    def watch_head(self, patience: float) -> HeadWatch:
        """A watch of Ray's head, which may be silent for `patience` seconds; if it is our own, of its processes too."""
        import ray

        address = ray.get_runtime_context().gcs_address
        if not self.local:
            return HeadWatch(address, patience, why_silent, remedy=START_RAY)
        processes = OwnProcesses()

        def look() -> str:
            """Why our own Ray does not answer. Raises HeadLost if one of its processes has ended."""
            if ended := processes.ended():
                raise HeadLost(f"isoflop's own Ray is gone: its process {ended[0]} has ended")
            why = why_silent()
            if not why and not living_nodes():
                raise HeadLost("isoflop's own Ray is gone: its raylet does not answer")
            return why

        return HeadWatch(address, patience, look)

    def claim_names(self, identity: str, driver: int) -> None:
        """Name new workers after this database and driver, and end those that its dead drivers left behind.

        Raises ClusterError if they do not end.
        """
        import ray

        self._names = f"{identity}-{driver}"
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
                raise ClusterError(f"workers of an interrupted scheduler are still running: {', '.join(strangers)}")
            time.sleep(0.1)

    def accelerators(self) -> list[str]:
        """Types of accelerator that Ray's living nodes declare."""
        return declared_accelerators()

    def new_worker(self, demand: Demand, device: str, core: int | None) -> tuple[Actor, Reference]:
        """Ask for a worker process; returns it with the promise of its location (see `location_of`)."""
        import ray

        self._born += 1
        remote = ray.remote(PlacedWorker).options(
            name=f"{self._names}-{self._born}",
            namespace=NAMESPACE,
            num_cpus=demand.num_cpus,
            num_gpus=demand.num_gpus,
            accelerator_type=demand.accelerator,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=2 + MOST_STACKED,
            runtime_env={"env_vars": WORKER_ENVIRONMENT | SAFE_PATH},
        )
        actor: Actor = remote.remote(device, core, PACKAGE_ROOT)
        return actor, actor.location.remote()

    def train(self, actor: Actor, assignment: Assignment) -> Reference:
        """Begin an attempt; returns the promise of its outcome (see `outcome_of`)."""
        return actor.train.remote(assignment)

    def ask_progress(self, actor: Actor) -> Reference:
        """Ask a worker how far it is; returns the promise of that (see `progress_of`)."""
        return actor.progress.remote()

    def stop(self, actor: Actor, assignment: Assignment) -> None:
        """Ask a worker to end an attempt with a checkpoint."""
        actor.stop.remote(*assignment.key)

    def kill(self, actor: Actor) -> None:
        """End a worker process."""
        import ray

        with contextlib.suppress(ray.exceptions.RayError):
            ray.kill(actor)

    def fulfilled(self, promises: Collection[Reference], timeout: float = 0.0, least: int | None = None) -> set[Any]:
        """Those of some promises that are fulfilled or broken once `least` are (by default all), or time is up."""
        import ray

        if not promises:
            return set()
        done, _ = ray.wait(list(promises), num_returns=least or len(promises), timeout=timeout)
        return set(done)

    def location_of(self, promise: Reference) -> WorkerLocation | FailedStart:
        """Where a worker is, or why its process died. Raises ClusterError if no worker can start."""
        import ray

        try:
            location: Any = ray.get(promise)
        except ray.exceptions.OutOfMemoryError as error:
            return FailedStart(short_of_memory(error), out_of_memory=True)
        except ray.exceptions.RayTaskError as error:
            raise ClusterError(f"a worker cannot start: {error.cause}") from error
        except ray.exceptions.RayError as error:
            if getattr(error, "actor_init_failed", False):
                raise ClusterError(f"a worker cannot start: {error}") from error
            return FailedStart(str(error), node_died(error))
        assert isinstance(location, WorkerLocation)
        return location

    def outcome_of(self, promise: Reference, flops: float) -> tuple[Outcome, bool]:
        """How an attempt ended, and whether its worker lives; `flops` of it were known before."""
        import ray

        try:
            outcome: Any = ray.get(promise)
        except ray.exceptions.OutOfMemoryError as error:
            return Outcome(Cause.OUT_OF_MEMORY, detail=short_of_memory(error), flops=flops), False
        except ray.exceptions.RayError as error:
            # A node that was taken away with notice is no fault of the run.
            cause = Cause.PREEMPTED if getattr(error, "preempted", False) else Cause.LOST
            return Outcome(cause, detail=f"its worker died: {first_line(error)}", flops=flops), False
        assert isinstance(outcome, Outcome)
        return outcome, True

    def progress_of(self, promise: Reference) -> dict[str, RunProgress] | None:
        """How far a worker's runs are; None if it is lost, which their outcomes will say."""
        import ray

        with contextlib.suppress(ray.exceptions.RayError):
            progress: Any = ray.get(promise)
            assert isinstance(progress, dict)
            return progress
        return None

    def close_workers(self, ready: Sequence[Actor], others: Iterable[Actor], seconds: float) -> list[str]:
        """End workers; ready ones get `seconds` for their wandb mirrors. Returns what went wrong with the mirrors."""
        import ray

        closing = [actor.close.remote(seconds) for actor in ready]
        notes: list[str] = []
        for promise in self.fulfilled(closing, timeout=seconds + 2):
            with contextlib.suppress(ray.exceptions.RayError):
                notes += ray.get(promise)
        for actor in (*ready, *others):
            self.kill(actor)
        return list(dict.fromkeys(notes))


def connect(
    address: str, options: Mapping[str, Any], inherited: contextlib.AbstractContextManager[None] | None = None
) -> None:
    """Start a Ray, or join the one at an address; its processes inherit the environment of `inherited`.

    Raises ClusterError.
    """
    import ray

    try:
        # Ray puts the driver's working directory first on its workers' module path: let our modules be there.
        with contextlib.chdir(PACKAGE_ROOT), inherited or contextlib.nullcontext(), signals.kept():
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **options)
        # Ray prints pages of its processes' logs where our answers belong; what matters in them we say ourselves.
        ray._private.worker.print_to_stdstream = lambda *_, **__: None
    except ray.exceptions.AuthenticationError as error:
        raise ClusterError(
            f"Ray at {address} wants a token: name its file in RAY_AUTH_TOKEN_PATH here and wherever Ray is "
            "started; or set RAY_AUTH_MODE=disabled where nobody else can reach it"
        ) from error
    except (RuntimeError, OSError, ConnectionError, ValueError, ray.exceptions.RayError) as error:
        hint = SAME_TOKEN if isinstance(error, ConnectionError) and address != "local" else ""
        raise ClusterError(f"Ray at {address!r} cannot be started or reached: {error}{hint}") from error


def why_silent() -> str:
    """Ask the control server of the cluster whether it is there; returns why not, or an empty text.

    One that was restarted without its state does not know us: that is no answer either.
    """
    import ray

    try:
        ray.get_runtime_context().worker.gcs_client.check_alive([], timeout=ANSWER_SECONDS)
    except ray.exceptions.RayError as error:
        return str(error).split(". ")[0].rstrip(".")  # the first sentence: Ray adds advice of its own
    return ""
