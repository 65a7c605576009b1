"""Seeded schedules of faults on a two-node Ray cluster: each proves where it struck, and must change nothing.

    python -m tests.chaos.schedules OUTPUT.md [SEED,SEED,… [KIND …]]

A schedule starts the driver of a small sweep, waits for the state that it aims at, strikes, starts the driver again if
it is gone, and compares: every run done once, losses bit-equal to the unbroken sweep's, no process left behind.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from orchestrator.cluster.artifact_store import open_artifacts
from orchestrator.home import Home
from orchestrator.settings import Settings
from orchestrator.states import Cause, RunState
from orchestrator.store import AttemptRecord, RunRecord, Store
from orchestrator.use_cases.planning import Planning
from orchestrator.use_cases.submission import submit as submit_plan
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.compose import load_sweep
from tests.chaos.cluster import Nodes, end, wait_for
from tests.conftest import ROOT

AIM_SECONDS = 150
"""Time to reach the state that is aimed at; beyond it the schedule has missed."""
SWEEP_SECONDS = 300
CHOICES = "implementations"
"""Folder of the machine's choices among equivalent ways to compute."""
BUDGETS = "budgets=[8e9]"


class Missed(AssertionError):
    """The fault did not strike in the state that it aimed at."""


@dataclass
class Stage:
    """One schedule on its way."""

    nodes: Nodes
    folder: Path
    seed: int
    random: random.Random
    driver: subprocess.Popen[bytes] | None = None
    drivers: int = 0
    struck: dict[str, Any] = field(default_factory=dict)
    """What was done to whom."""

    @property
    def home(self) -> Path:
        """State folder of the driver."""
        return self.folder / "home"

    @property
    def url(self) -> str:
        """Artifact store, which nodes and driver reach by its URL alone."""
        return f"file://{self.folder / 'store'}"

    @property
    def database(self) -> str:
        """URL of the database."""
        return f"sqlite:///{self.home / 'isoflop.db'}"

    @property
    def log(self) -> str:
        """What the drivers said."""
        return (self.folder / "driver.log").read_text(errors="replace")

    def command(self, *arguments: str) -> list[str]:
        """What a driver is."""
        return [sys.executable, "-m", "tests.chaos.driver", str(self.home), *arguments]

    def start(self, *arguments: str, **extra: str) -> None:
        """Start a driver."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("ISOFLOP_", "WANDB_", "RAY_"))}
        environment |= self.nodes.mark | {
            "ISOFLOP_RAY_ADDRESS": self.nodes.address,
            "ISOFLOP_ARTIFACTS_URL": self.url,
            "ISOFLOP_WORKERS": "2",
            "ISOFLOP_CHECKPOINT_SECONDS": "0.3",
            "WANDB_MODE": "disabled",
            "PYTHONPATH": os.pathsep.join([self.nodes.mark["PYTHONPATH"], str(ROOT)]),
        }
        command = self.command(*arguments)
        with (self.folder / "driver.log").open("ab") as log:
            self.driver = subprocess.Popen(
                command, env=environment | extra, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT
            )
        self.drivers += 1

    def ended(self, seconds: float = SWEEP_SECONDS) -> int:
        """Wait for the driver's end; returns its exit status."""
        assert self.driver is not None
        return self.driver.wait(seconds)

    def runs(self) -> list[RunRecord]:
        """The sweep's runs."""
        store = Store(self.database)
        try:
            return store.runs_of(store.sweep("tiny").id)
        finally:
            store.close()

    def attempts(self) -> list[AttemptRecord]:
        """All attempts."""
        store = Store(self.database)
        try:
            return store.attempts_of_all([r.id for r in store.runs_of(store.sweep("tiny").id)])
        finally:
            store.close()

    def events(self, run_id: str, number: int) -> list[dict[str, Any]]:
        """What an attempt logged on the artifact store."""
        return open_artifacts(self.url, self.folder / "reader").events(run_id, number)

    def in_training(self, checkpoints: int) -> tuple[str, int, int]:
        """Wait until an attempt that still trains has so many checkpoints; its run, number and process id.

        Without any, it has a worker: that it trains is not heard of before there is something to upload.
        """

        def look() -> tuple[str, int, int] | None:
            assert self.driver is not None
            if self.driver.poll() is not None:
                raise Missed(f"the driver ended before the strike: {self.log[-800:]}")
            for run in self.runs():
                if run.state is not RunState.RUNNING:
                    continue
                events = self.events(run.id, run.fence)
                kinds = [e["kind"] for e in events]
                begun = "start" in kinds if checkpoints else "attempt" in kinds
                if begun and kinds.count("checkpoint") >= checkpoints and "evaluation" not in kinds:
                    return run.id, run.fence, int(events[0]["pid"])
            return None

        try:
            found: tuple[str, int, int] = wait_for(look, AIM_SECONDS, f"an attempt with {checkpoints} checkpoints")
        except TimeoutError as error:
            raise Missed(f"{error}: {self.log[-800:]}") from None
        return found

    def attempt_of(self, run_id: str, number: int) -> AttemptRecord:
        """One attempt as the database has it."""
        return next(a for a in self.attempts() if (a.run_id, a.number) == (run_id, number))

    def expect_cause(self, run_id: str, number: int, cause: Cause) -> str:
        """The proof that most strikes need: the attempt that was hit ended for this reason."""
        found = self.attempt_of(run_id, number).cause
        if found != cause:
            raise Missed(f"attempt {number} of {run_id} ended as {found}, not as {cause}")
        return f"attempt {number} of {run_id[:6]} ended as *{cause}*"


def resumed(stage: Stage, run_id: str, number: int) -> int:
    """The step at which an attempt began. Raises Missed where there is no such attempt."""
    start = [e for e in stage.events(run_id, number) if e["kind"] == "start"]
    if not start:
        raise Missed(f"no attempt {number} of {run_id}")
    return int(start[0]["resumed_from_step"])


def worker_with_checkpoint(stage: Stage) -> str:
    """kill -9 of a worker whose run has a checkpoint: the next attempt resumes from it."""
    stage.start()
    run, number, pid = stage.in_training(checkpoints=stage.random.randint(1, 3))
    os.kill(pid, signal.SIGKILL)
    stage.ended()
    step = resumed(stage, run, number + 1)
    if step == 0:
        raise Missed("the next attempt began from the start")
    return stage.expect_cause(run, number, Cause.LOST) + f", the next one resumed from step {step}"


def worker_before_checkpoint(stage: Stage) -> str:
    """kill -9 of a worker whose run has none yet: the next attempt begins from the start."""
    stage.start(ISOFLOP_CHECKPOINT_SECONDS="1000")
    run, number, pid = stage.in_training(checkpoints=0)
    os.kill(pid, signal.SIGKILL)
    stage.ended()
    step = resumed(stage, run, number + 1)
    return stage.expect_cause(run, number, Cause.LOST) + f", the next one began at step {step}"


def scheduler_in_training(stage: Stage) -> str:
    """kill -9 of the scheduler while a worker trains on another node."""
    stage.start()
    run, number, _ = stage.in_training(checkpoints=stage.random.randint(1, 2))
    assert stage.driver is not None
    stage.driver.kill()
    stage.ended()
    stage.start()
    stage.ended()
    return stage.expect_cause(run, number, Cause.ORPHANED)


def scheduler_after_claim(stage: Stage) -> str:
    """kill -9 of the scheduler between claiming a run and handing it to a worker."""
    count = stage.random.randint(1, 4)
    stage.start(f"claimed:{count}")
    if stage.ended() != -signal.SIGKILL:
        raise Missed("the scheduler did not die at its claim")
    empty = [a for a in stage.attempts() if a.cause is None and not stage.events(a.run_id, a.number)]
    if len(empty) != 1:
        raise Missed(f"{len(empty)} attempts were claimed and not handed out")
    hit = empty[0]
    stage.start()
    stage.ended()
    return f"claim {count}: " + stage.expect_cause(hit.run_id, hit.number, Cause.ORPHANED)


def scheduler_before_record(stage: Stage) -> str:
    """kill -9 of the scheduler with a worker's result in its hands: the successor takes it from the log."""
    count = stage.random.randint(1, 3)
    stage.start(f"reported:{count}")
    if stage.ended() != -signal.SIGKILL:
        raise Missed("the scheduler did not die at a report")
    hit = [a for a in stage.attempts() if a.cause is None]
    hit = [a for a in hit if any(e["kind"] == "result" for e in stage.events(a.run_id, a.number))]
    if not hit:
        raise Missed("no finished attempt was unrecorded")
    stage.start()
    stage.ended()
    run, number = hit[0].run_id, hit[0].number
    last = max(a.number for a in stage.attempts() if a.run_id == run)
    if last != number:
        raise Missed(f"{run} was trained again")
    return f"report {count}: " + stage.expect_cause(run, number, Cause.DONE) + " by its log, not repeated"


def raylet(stage: Stage) -> str:
    """kill -9 of a node's raylet while a worker trains there; a new node joins."""
    stage.start()
    run, number, pid = stage.in_training(checkpoints=1)
    name = stage.nodes.node_of(pid)
    killed = stage.nodes.kill_raylet(name)
    stage.nodes.add_node()
    stage.ended()
    return f"raylet {killed} of {name}: " + stage.expect_cause(run, number, Cause.LOST)


def head(stage: Stage) -> str:
    """kill -9 of the whole head: the driver notices, runs leave a checkpoint, and a new cluster goes on."""
    stage.start()
    run, number, _ = stage.in_training(checkpoints=1)
    killed = stage.nodes.kill_head()
    struck = time.monotonic()
    assert stage.driver is not None
    try:
        status = stage.ended(120)
    except subprocess.TimeoutExpired:
        stage.driver.kill()
        raise Missed(f"the driver hangs without a head: {stage.log[-800:]}") from None
    took = time.monotonic() - struck
    open_attempts = [a for a in stage.attempts() if a.cause is None]
    said = stage.log.strip().splitlines()[-1][-200:]
    stage.nodes.stop()
    stage.nodes.start()
    stage.start()
    stage.ended()
    if "has not answered" not in said:
        raise Missed(f"the driver ended with {status} before it noticed: {said}")
    found = stage.attempt_of(run, number).cause
    return (
        f"control server {killed}: driver ended with {status} after {took:.0f} s ({said}) and {len(open_attempts)} open "
        f"attempts; attempt {number} of {run[:6]} ended as *{found}*"
    )


def full_disk(stage: Stage) -> str:
    """A node's disk fills up under a worker, and is freed later."""
    stage.start()
    run, number, pid = stage.in_training(checkpoints=1)
    scratch = stage.nodes.folder / stage.nodes.node_of(pid)
    if not scratch.is_mount():
        raise Missed("no small disk could be mounted for the node")
    ballast = scratch / "ballast"
    with ballast.open("wb") as file:
        try:
            while True:
                file.write(bytes(2**16))
                file.flush()
        except OSError as error:
            full = os.strerror(error.errno or 0)
    wait_for(lambda: stage.attempt_of(run, number).cause, AIM_SECONDS, "the end of the attempt")
    time.sleep(3)
    ballast.unlink()
    stage.ended()
    return f"{full}: " + stage.expect_cause(run, number, Cause.DISK_FULL)


def database_locked(stage: Stage) -> str:
    """Another process keeps the database locked for longer than the scheduler waits for it."""
    stage.start()
    stage.in_training(checkpoints=0)
    other = sqlite3.connect(stage.home / "isoflop.db", isolation_level=None, timeout=30)
    other.execute("BEGIN IMMEDIATE")
    try:
        wait_for(lambda: "does not answer" in stage.log, 60, "the scheduler to notice")
    except TimeoutError:
        raise Missed("the scheduler never needed the database") from None
    finally:
        other.execute("ROLLBACK")
        other.close()
    stage.ended()
    if "answers again" not in stage.log:
        raise Missed("the scheduler did not say that the database answers again")
    return "the log says *database is locked*, later *answers again*"


def wandb_dead(stage: Stage) -> str:
    """kill -9 of wandb's service process beside a worker that trains."""
    stage.start(WANDB_MODE="offline")
    run, number, pid = stage.in_training(checkpoints=1)
    worker = psutil.Process(pid)

    def services() -> list[psutil.Process]:
        return [p for p in worker.children(recursive=True) if "wandb-core" in " ".join(p.cmdline())]

    try:
        hit = wait_for(services, 60, "wandb's process")
    except (TimeoutError, psutil.Error):
        raise Missed("no wandb process was found") from None
    if any(e["kind"] == "result" for e in stage.events(run, number)):
        raise Missed("the run was over")
    end(hit)
    stage.ended()
    return f"wandb-core {hit[0].pid} killed; " + stage.expect_cause(run, number, Cause.DONE)


def torn_checkpoint(stage: Stage) -> str:
    """The newest checkpoint is cut in half everywhere, and its worker killed: the one before is taken."""
    stage.start()
    run, number, pid = stage.in_training(checkpoints=2 + stage.random.randint(0, 1))
    psutil.Process(pid).suspend()
    places = [stage.folder / "store" / "runs" / run, stage.nodes.folder / stage.nodes.node_of(pid) / "runs" / run]
    names = sorted({f.name for p in places for f in p.glob("checkpoints/step-*.ckpt")})
    for place in places:
        newest = place / "checkpoints" / names[-1]
        if newest.exists():
            os.truncate(newest, newest.stat().st_size // 2)
    os.kill(pid, signal.SIGKILL)
    stage.ended()
    torn, step = int(names[-1][5:14]), resumed(stage, run, number + 1)
    if step >= torn:
        raise Missed(f"resumed from step {step}, the torn one was {torn}")
    return stage.expect_cause(run, number, Cause.LOST) + f"; step {torn} was torn, resumed from step {step}"


def terminated(stage: Stage) -> str:
    """SIGTERM to the scheduler: attempts leave a checkpoint and are queued."""
    stage.start()
    run, number, _ = stage.in_training(checkpoints=0)
    assert stage.driver is not None
    stage.driver.terminate()
    status = stage.ended(60)
    if not list((stage.folder / "store" / "runs" / run).glob("checkpoints/step-*.ckpt")):
        raise Missed("no checkpoint was left")
    stage.start()
    stage.ended()
    return f"exit status {status}; " + stage.expect_cause(run, number, Cause.PREEMPTED)


def clock_jump(stage: Stage) -> str:
    """The wall clock of driver, nodes and workers jumps by an hour while runs train."""
    jump = stage.random.choice([3600, -3600])
    stage.start()
    run, number, _ = stage.in_training(checkpoints=0)
    stage.nodes.clock.write_text(str(jump))
    stage.ended()
    attempt = stage.attempt_of(run, number)
    took = attempt["ended_at"] - attempt["started_at"]
    if abs(took - jump) > 600:
        raise Missed(f"the attempt took {took:.0f} s by the clock")
    proof = stage.expect_cause(run, number, Cause.DONE)
    return f"{proof}: {took:.0f} s by the wall clock, {attempt['seconds']:.0f} s by the monotonic one"


KINDS: dict[str, Callable[[Stage], str]] = {
    f.__name__: f
    for f in (
        worker_with_checkpoint,
        worker_before_checkpoint,
        scheduler_in_training,
        scheduler_after_claim,
        scheduler_before_record,
        raylet,
        head,
        full_disk,
        database_locked,
        wandb_dead,
        torn_checkpoint,
        terminated,
        clock_jump,
    )
}


def losses(stage: Stage) -> dict[str, str]:
    """The final table: each run's state and loss to the last bit."""
    return {r.id: f"{r.state} {r.loss.hex() if r.loss is not None else None}" for r in stage.runs()}


def check(stage: Stage, expected: dict[str, str]) -> None:
    """The promise: the same table, no run lost or doubled, no process left behind. Raises AssertionError."""
    assert losses(stage) == expected, f"{losses(stage)} is not {expected}: {stage.log[-2000:]}"
    attempts = stage.attempts()
    for run in expected:
        own = [a for a in attempts if a.run_id == run]
        assert [a.number for a in own] == list(range(1, len(own) + 1))
        assert [a.cause for a in own].count(Cause.DONE) == 1, own
        assert all(a.cause for a in own), own
    try:
        wait_for(lambda: not stage.nodes.processes("ray::Worker"), 30, "the end of the workers")
    except TimeoutError:
        raise AssertionError(f"left behind: {stage.nodes.processes('ray::Worker')}") from None
    assert stage.driver is not None and stage.driver.poll() == 0, stage.log[-2000:]


def prepare(template: Path, artifacts: Path | None = None, *overrides: str) -> None:
    """A home in which the tiny sweep is submitted and nothing has run."""
    home = Home(template, "chaos").create()
    if artifacts is not None:
        shutil.copytree(artifacts, home.artifacts, dirs_exist_ok=True)
    workspace = Workspace(home, Settings(f"sqlite:///{home.database}", "local", 2))
    submit_plan(workspace, Planning(workspace).plan_spec(load_sweep(ROOT / "sweeps" / "conf" / "tiny.yaml", overrides)))
    workspace.store.close()


def new_stage(nodes: Nodes, folder: Path, template: Path, seed: int) -> Stage:
    """A fresh copy of the prepared home; the clock is right again, each node's disk is small and empty."""
    folder.mkdir()
    shutil.copytree(template, folder / "home")
    if (choices := template / CHOICES).is_dir():
        shutil.copytree(choices, folder / "store" / CHOICES)
    nodes.clock.unlink(missing_ok=True)
    return Stage(nodes, folder, seed, random.Random(seed))


def play(kind: str, stage: Stage, expected: dict[str, str]) -> str:
    """Play one schedule; returns its proof. Raises AssertionError."""
    try:
        proof = KINDS[kind](stage)
        check(stage, expected)
    finally:
        if stage.driver is not None:
            stage.driver.kill()
            stage.driver.wait()
        end(stage.nodes.processes("ray::Worker"))
    return proof


def reference(stage: Stage, template: Path) -> dict[str, str]:
    """The table of the unbroken sweep; how the machine computed it is kept for the others: equal bits need that."""
    stage.start()
    assert stage.ended() == 0, stage.log
    shutil.copytree(stage.folder / "store" / CHOICES, template / CHOICES)
    return losses(stage)


def main() -> None:
    """Play all, and write the table."""
    output, seeds = Path(sys.argv[1]), [int(s) for s in (sys.argv[2] if len(sys.argv) > 2 else "0,1").split(",")]
    kinds = sys.argv[3:] or list(KINDS)
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        folder = Path(name)
        nodes = Nodes(folder)
        prepare(
            folder / "template", Path(os.environ["CHAOS_DATASETS"]) if "CHAOS_DATASETS" in os.environ else None, BUDGETS
        )
        nodes.start()
        failed = 0
        try:
            template = folder / "template"
            expected = reference(new_stage(nodes, folder / "reference", template, 0), template)
            output.write_text("| schedule | seed | outcome | evidence |\n|---|---|---|---|\n")
            for seed in seeds:
                for kind in kinds:
                    stage = new_stage(nodes, folder / f"{kind}-{seed}", folder / "template", seed)
                    try:
                        line = f"same table | {play(kind, stage, expected)}"
                    except Exception as error:  # noqa: BLE001 - a schedule that cannot be played has failed
                        failed += 1
                        line = f"FAILED | {type(error).__name__}: {str(error)[:1500]}".replace("\n", " ")
                    with output.open("a") as file:
                        file.write(f"| {kind} | {seed} | {line} |\n")
                        shutil.copy(stage.folder / "driver.log", output.with_suffix(f".{kind}-{seed}.log"))
                    shutil.rmtree(stage.folder, ignore_errors=True)
        finally:
            nodes.stop()
    left = [" ".join(p.cmdline())[:100] for p in nodes.processes()]
    with output.open("a") as file:
        file.write(f"\n{len(seeds) * len(kinds) - failed} of {len(seeds) * len(kinds)} with the same table; ")
        file.write(f"{len(left)} processes left behind at the end: {json.dumps(left)}\n")
    raise SystemExit(bool(failed or left))


if __name__ == "__main__":
    main()
