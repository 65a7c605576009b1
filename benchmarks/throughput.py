"""Runs per second through the real store and scheduler when runs do nothing; memory; `ls` and `show` afterwards.

    python -m benchmarks.throughput [--runs 10000] [--mirror-runs 300] [--workers 16] [--ray] [--tune 1000]

Every run is claimed, begun, logged with fsync, ended and settled like a real one; only training is left out. The
workers are threads of this process; `--ray` adds Ray actors, one per core. `--tune` adds Ray Tune with an empty
trainable, with its defaults and with reuse_actors=True.
"""

from __future__ import annotations

import argparse
import os
import queue
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from model.config import ModelConfig, RunConfig, TrainConfig
from orchestrator.attempts import Assignment, Kinds, Outcome, ProcessRecord, Report, RunProgress, Slot, Staff, Tracking
from orchestrator.cluster import ray_session
from orchestrator.cluster.artifact_store import ArtifactStore, open_artifacts
from orchestrator.cluster.attempt_log import AttemptLog
from orchestrator.cluster.cluster import Cluster
from orchestrator.scheduling.scheduler import Scheduler
from orchestrator.states import Cause, RunState
from orchestrator.store import NewRun, Store, SweepRecord
from orchestrator.store.cell import Cell
from orchestrator.tracking.wandb_mirror import WandbMirror

RESULT = {"loss": 3.0, "bits_per_byte": 1.5, "train_seconds": 0.001, "evaluation_seconds": 0.0, "tokens": 1504}
"""What every run reports."""
SHAPE = ModelConfig(vocab=64, context=32, d_model=16, n_layers=2, n_heads=2, d_ff=32)
"""Shape of every run."""
EARLY = 1000
"""Runs after which memory is first read."""
READINGS = 5
"""Starts of each reading verb."""


class EmptyWorker(ray_session.PlacedWorker):
    """A worker whose runs have their result at once; log and mirror are the real ones."""

    def _train(
        self, run: RunConfig, assignment: Assignment, artifacts: ArtifactStore, log: AttemptLog, mirror: WandbMirror
    ) -> Outcome:
        """Report a result without training."""
        mirror.send({"validation_loss": 3.0, "bits_per_byte": 1.5, "tokens": 1504})
        log.append({"kind": "result", "result": RESULT, "device": "none"})
        return Outcome(Cause.DONE, result=RESULT, device="none")


class Threads:
    """An executor whose workers are threads of this process."""

    folder = ""

    def __init__(self, workers: int) -> None:
        self._inbox: dict[str, queue.SimpleQueue[Assignment | None]] = {
            f"thread-{i}": queue.SimpleQueue() for i in range(workers)
        }
        self._idle = dict.fromkeys(self._inbox)
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._workers: list[EmptyWorker] = []

    def start(self, identity: str, driver: int) -> None:
        """Start the threads."""
        for name, inbox in self._inbox.items():
            self._workers.append(EmptyWorker("cpu", None, str(Path(__file__).resolve().parent.parent)))
            threading.Thread(target=self._work, args=(name, inbox, self._workers[-1]), daemon=True).start()

    def _work(self, name: str, inbox: queue.SimpleQueue[Assignment | None], worker: EmptyWorker) -> None:
        """Carry out the assignments of one thread."""
        while (assignment := inbox.get()) is not None:
            self._reports.put(Report(name, *assignment.key, worker.train(assignment)))

    def want(self, useful: Mapping[str, int]) -> None:
        """Do nothing: the number of threads is fixed."""

    def kinds(self) -> Kinds:
        """The threads, which have no kind."""
        return Kinds(tuple(Slot(name, name) for name in self._inbox))

    def idle(self) -> list[Slot]:
        """Threads with nothing to do."""
        return [Slot(name, name) for name in self._idle]

    def assign(self, worker: str, assignment: Assignment) -> None:
        """Begin an attempt."""
        del self._idle[worker]
        self._inbox[worker].put(assignment)

    def poll(self, timeout: float) -> list[Report]:
        """Attempts that ended."""
        reports = []
        try:
            reports.append(self._reports.get(timeout=timeout))
            while True:
                reports.append(self._reports.get_nowait())
        except queue.Empty:
            pass
        self._idle |= dict.fromkeys(r.worker for r in reports)
        return reports

    def staff(self, lag_seconds: float) -> Staff:
        """Nobody asks."""
        return Staff(0, 0, lag_seconds)

    def progress(self) -> dict[str, RunProgress]:
        """Nothing to tell."""
        return {}

    def stop(self, run_id: str) -> None:
        """Do nothing: runs end by themselves."""

    def stop_all(self, grace: float) -> list[Report]:
        """No reports: runs have ended by themselves."""
        return []

    def processes(self) -> list[ProcessRecord]:
        """This process."""
        own = psutil.Process()
        return [ProcessRecord(own.pid, own.create_time(), own.name())]

    def close(self) -> None:
        """End the threads and flush their mirrors."""
        for inbox in self._inbox.values():
            inbox.put(None)
        for worker in self._workers:
            for note in worker.close(60.0):
                print(note)


def new_runs(count: int, label: str) -> list[NewRun]:
    """Runs that differ in their seed."""
    cell = Cell(
        budget=1e9,
        size_id="L2d16h2ff32",
        seed=0,
        recipe="cpu-small",
        params=5000,
        params_total=6000,
        params_nonembedding=4000,
        tokens=1504,
        steps=6,
        batch_tokens=256,
        epochs=0.1,
        shape="L2 d16 h2 ff32",
        vary={},
        memory_bytes=10**6,
    )
    runs = [RunConfig(SHAPE, TrainConfig(sequences=47, batch=8, lr=0.005, seed=i), label) for i in range(count)]
    return [NewRun(run.run_id, run.to_dict(), 1e9 + i, 1.0, cell) for i, run in enumerate(runs)]


def resident() -> float:
    """Memory of this process, MB."""
    return psutil.Process().memory_info().rss / 1e6


def measure(home: Path, runs: int, executor: Any, mode: Any, label: str) -> None:
    """Print the runs per second, the processor time per run and the growth of memory of a sweep of empty runs."""
    store = Store(f"sqlite:///{home / 'isoflop.db'}")
    sweep = store.submit(SweepRecord(0, label, "0" * 16, "", "data", 1, (), [], 0.0), new_runs(runs, label))
    tracking = Tracking(mode, str(home / "wandb"), "isoflop", "benchmark")
    (home / "wandb").mkdir(exist_ok=True)
    scheduler = Scheduler(store, executor, open_artifacts(str(home)), tracking)
    try:
        scheduler.take_over()
        while not executor.idle():
            time.sleep(0.05)
        scheduler.follow(sweep.id)
        early, began, used = 0.0, time.monotonic(), time.process_time()
        while scheduler.busy:
            scheduler.step()
            if not early and store_done(scheduler, runs) >= min(EARLY, runs // 2):
                early = resident()
        seconds, used = time.monotonic() - began, time.process_time() - used
        late = resident()
    finally:
        executor.close()
        scheduler.finish()
    drained = time.monotonic() - began
    if store.state_counts(sweep.id) != {RunState.DONE: runs}:
        raise RuntimeError(f"not all runs are done: {store.state_counts(sweep.id)}")
    store.close()
    print(f"{label:20} {runs:6} runs: {runs / seconds:7.1f} runs/s ({runs / drained:.1f} with the mirror drained), "
          f"{1e3 * used / runs:.2f} ms of processor a run, memory {early:.0f} → {late:.0f} MB")  # fmt: skip


def store_done(scheduler: Scheduler, runs: int) -> int:
    """Number of runs that neither wait nor train."""
    return runs - len(scheduler._queued) - len(scheduler._running)


def reading(home: Path, runs: int) -> None:
    """Print the processor seconds of `ls` and `show` beyond those with a single run, which are start-up and imports."""
    with tempfile.TemporaryDirectory() as small:
        store = Store(f"sqlite:///{Path(small) / 'isoflop.db'}")
        store.submit(SweepRecord(0, "threads", "0" * 16, "", "data", 1, (), [], 0.0), new_runs(1, "threads"))
        store.close()
        for verb in (["ls"], ["show", "threads"]):
            start, all_ = (_verb_seconds(verb, folder) for folder in (Path(small), home))
            print(
                f"isoflop {' '.join(verb):13} {all_ - start:.2f} s of work for {runs} runs, {start:.2f} s of start-up"
            )


def _verb_seconds(verb: list[str], home: Path) -> float:
    """Processor seconds of a verb, the median of several."""
    command = [sys.executable, "-m", "orchestrator.cli.main", *verb]
    environment = os.environ | {"ISOFLOP_HOME": str(home)}
    seconds = []
    for _ in range(READINGS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(seconds)


def tune(trials: int) -> None:
    """Print the trials per second of Ray Tune with an empty trainable."""
    import ray
    from ray import tune as ray_tune

    class Empty(ray_tune.Trainable):
        """Ends at its first step."""

        def step(self) -> dict[str, Any]:
            """Nothing."""
            return {"loss": 3.0, "done": True}

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            """Ready for the next trial."""
            return True

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            """Nothing to keep."""

        def load_checkpoint(self, checkpoint: Any) -> None:
            """Nothing to restore."""

    ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        for reuse in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                config = ray_tune.TuneConfig(num_samples=trials, metric="loss", mode="min", reuse_actors=reuse)
                where = ray_tune.RunConfig(storage_path=folder, verbose=0)
                began = time.monotonic()
                ray_tune.Tuner(Empty, tune_config=config, run_config=where).fit()
                print(
                    f"Ray Tune, reuse_actors={reuse!s:5} {trials:6} trials: {trials / (time.monotonic() - began):.1f}/s"
                )
    finally:
        ray.shutdown()


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--mirror-runs", type=int, default=300)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--tune", type=int, default=0, metavar="TRIALS")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        measure(home, options.runs, Threads(options.workers), "disabled", "threads")
        reading(home, options.runs)
        if options.mirror_runs:
            measure(home, options.mirror_runs, Threads(options.workers), "offline", "threads-mirror")
        if options.ray:
            ray_session.PlacedWorker = EmptyWorker  # type: ignore[misc]
            cores = len(os.sched_getaffinity(0))
            pool = Cluster(workers=cores, device="cpu", token=home / "ray-token")
            measure(home, options.runs, pool, "disabled", "ray")
    if options.tune:
        tune(options.tune)


if __name__ == "__main__":
    main()
