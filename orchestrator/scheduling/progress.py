"""How far along a sweep is: counts of runs, FLOPs spent and planned, time left. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from analysis.wording import join_words
from orchestrator.attempts import RunProgress
from orchestrator.scheduling.durations import Durations
from orchestrator.states import RunState, SweepState, sweep_state
from orchestrator.store import RunRecord, StateTotal, SweepRecord
from orchestrator.store.totals import is_deciding


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run in training."""

    run_id: str
    """Identity of the run."""
    shape: str
    """Such as `L4 d48 h2 ff128`."""
    budget: float
    """Training FLOPs."""
    fraction: float
    """Fraction of its tokens that it has seen."""
    loss: float | None
    """Latest training loss, nats per token."""
    step: int = 0
    """Optimizer steps so far."""
    steps: int = 0
    """All its optimizer steps; 0 if its cell cannot be read."""
    seconds_left: float | None = None
    """Predicted seconds until it has ended; None if nothing predicts them."""
    worker: str = ""
    """Name of the worker that trains it; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a sweep at a moment."""

    total: int
    """All runs."""
    queued: int
    """Runs that wait for a worker."""
    done: int
    """Runs that have shown what they were trained to show."""
    failed: int
    """Runs that failed or diverged; a check of the recipe that diverged is done."""
    running: tuple[LiveRun, ...]
    """Runs in training."""
    flops_planned: float
    """Training FLOPs of all runs."""
    flops_spent: float
    """Training FLOPs of finished runs, and of what runs in training have done so far."""
    seconds_left: float | None
    """Predicted seconds until all runs are finished; None if nothing predicts them."""
    cancelled: int = 0
    """Runs that were cancelled."""
    state: SweepState = SweepState.QUEUED
    """The sweep's state in a word."""
    held: str = ""
    """Paused or cancelled, with the reason; empty while the sweep may train."""
    waits: str = ""
    """What a sweep that may train waits for, such as a kind of device that no worker has; empty for nothing."""
    deciding: bool = False
    """Whether it is adaptive and will decide another round, or its end, once all of its runs have ended."""

    @property
    def ended(self) -> bool:
        """Whether all runs that there are have ended."""
        return self.done + self.failed + self.cancelled == self.total

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.ended and not self.deciding


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that waits for a worker or is in training, with what its progress needs."""

    run_id: str
    """Identity of the run."""
    running: bool
    """Whether it is in training."""
    shape: str
    """Such as `L4 d48 h2 ff128`; its identity if its cell cannot be read."""
    budget: float
    """Training FLOPs of its cell."""
    flops: float
    """Training FLOPs, nominal."""
    tokens: int
    """Training tokens D; 0 if its cell cannot be read."""
    seconds: float | None
    """Predicted seconds of the whole run, corrected by the runs of its sweep that are done; None if unknown."""
    steps: int = 0
    """Optimizer steps; 0 if its cell cannot be read."""

    def at(self, progress: RunProgress) -> LiveRun:
        """The run in training, as far as it is."""
        fraction = min(1.0, progress.tokens / self.tokens) if self.tokens else 0.0
        left = None if self.seconds is None else self.seconds * (1 - fraction)
        step = round(self.steps * fraction)
        return LiveRun(
            self.run_id, self.shape, self.budget, fraction, progress.loss, step, self.steps, left, progress.worker
        )


def open_runs(runs: Sequence[RunRecord]) -> tuple[OpenRun, ...]:
    """The runs of a sweep that have not ended."""
    durations = Durations.of(r for r in runs if r.state is RunState.DONE)
    return tuple(
        OpenRun(
            run_id=r.id,
            running=r.state is RunState.RUNNING,
            shape=r.cell.shape if r.cell else r.id,
            budget=r.cell.budget if r.cell else r.flops,
            flops=r.flops,
            tokens=r.cell.tokens if r.cell else 0,
            seconds=durations.seconds(r),
            steps=r.cell.steps if r.cell else 0,
        )
        for r in runs
        if not r.state.terminal
    )


def progress_of(
    runs: Sequence[RunRecord], live: Mapping[str, RunProgress], workers: int, sweep: SweepRecord | None = None
) -> Progress:
    """Progress of a sweep's runs on this many workers.

    Args:
        runs: the runs.
        live: how far each run in training is, by its id.
        workers: devices that train at a time.
        sweep: the sweep, which may be held or wait for something; None if nothing holds it up.
    """
    flops: dict[tuple[RunState, str], list[float]] = {}
    for run in runs:
        flops.setdefault((run.state, run.role), []).append(run.flops)
    totals = [StateTotal(state, role, len(each), sum(each)) for (state, role), each in flops.items()]
    return progress_at(totals, open_runs(runs), live, workers, sweep)


def progress_at(
    totals: Sequence[StateTotal],
    left: Sequence[OpenRun],
    live: Mapping[str, RunProgress],
    workers: int,
    sweep: SweepRecord | None = None,
) -> Progress:
    """`progress_of` from what is known of the runs by state, and of those that have not ended."""
    held, waits = (sweep.on_hold, sweep.waits) if sweep else ("", "")
    running = tuple(run.at(live.get(run.run_id, RunProgress())) for run in left if run.running)
    fraction = {run.run_id: run.fraction for run in running}
    total, done = sum(t.runs for t in totals), sum(t.runs for t in totals if t.answered)
    queued = sum(t.runs for t in totals if t.state is RunState.QUEUED)
    ended = (RunState.FAILED, RunState.DIVERGED)
    deciding = is_deciding(sweep, totals)
    return Progress(
        total=total,
        queued=queued,
        done=done,
        failed=sum(t.runs for t in totals if t.state in ended and not t.answered),
        running=running,
        flops_planned=sum(t.flops for t in totals),
        flops_spent=sum(t.flops for t in totals if t.answered)
        + sum(run.flops * fraction.get(run.run_id, 0.0) for run in left),
        seconds_left=_seconds_left(left, fraction, workers),
        cancelled=sum(t.runs for t in totals if t.state is RunState.CANCELLED),
        state=sweep_state(
            sweep.held if sweep else None,
            total=total,
            answered=done,
            queued=queued,
            running=len(running),
            deciding=deciding,
        ),
        held=held,
        waits=waits,
        deciding=deciding,
    )


def progress_json(progress: Progress) -> dict[str, Any]:
    """The progress as a service answers it."""
    return asdict(progress) | {"finished": progress.finished}


def progress_from_json(data: Mapping[str, Any]) -> Progress:
    """The progress in a service's answer."""
    values = {f.name: data[f.name] for f in fields(Progress) if f.name != "deciding"}
    values["deciding"] = data.get("deciding", False)  # services of earlier releases have no adaptive sweeps
    running = tuple(LiveRun(**r) for r in data["running"])
    return Progress(**values | {"running": running, "state": SweepState(data["state"])})


def _seconds_left(left: Sequence[OpenRun], fraction: Mapping[str, float], workers: int) -> float | None:
    """Predicted seconds until all runs have ended; None if nothing predicts them."""
    seconds = [None if r.seconds is None else r.seconds * (1 - fraction.get(r.run_id, 0.0)) for r in left]
    known = [each for each in seconds if each is not None]
    return None if len(known) < len(seconds) else max(sum(known) / max(workers, 1), max(known, default=0.0))


def mixed_devices(runs: Sequence[RunRecord]) -> list[str]:
    """A warning if runs were trained on several kinds of device, whose arithmetic differs."""
    kinds = Counter(r.device for r in runs if r.device)
    named = join_words(f"{count} on {kind}" for kind, count in kinds.most_common())
    return [f"runs were trained on several kinds of device: {named}"] if len(kinds) > 1 else []
