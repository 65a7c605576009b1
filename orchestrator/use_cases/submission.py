"""Submission: stores a plan as a sweep, publishes its data, queues its new runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace

from orchestrator.errors import NotFound
from orchestrator.people import Actor
from orchestrator.scheduling.speed import SpeedModel
from orchestrator.store import NewRun, SweepRecord
from orchestrator.store.cell import Cell
from orchestrator.use_cases.accounts import operator
from orchestrator.use_cases.planning import Planned
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.compose import load_sweep
from sweeps.file.serialise import spec_hash, to_yaml
from sweeps.file.spec import AdaptiveSpec, LimitsSpec, SweepSpec
from sweeps.plan.records import PlannedRun
from sweeps.plan.rounds import Round, Stop, reopened


def submit(workspace: Workspace, planned: Planned, by: Actor | None = None, *, rerun: bool = False) -> SweepRecord:
    """Store the sweep and its new runs; failed runs of an earlier submission are queued again, a held sweep continues.

    Args:
        workspace: the home to store it in.
        planned: the plan.
        by: who submits it, who owns it and whose quota it counts against where its name is new; None for the user of
            the settings. A revision of somebody's sweep counts against its owner's quota, whoever submits it.
        rerun: train finished runs again, too.

    Raises:
        CeilingExceeded, QuotaReached, Forbidden: nothing was stored.
    """
    spec, data, store = planned.spec, planned.data, workspace.store
    by = by or operator(workspace)
    record = SweepRecord(
        id=0,
        name=spec.name,
        revision=_revision(planned),
        source=to_yaml(spec),
        dataset=data.dataset,
        unique_tokens=data.train_tokens,
        dropped=(*planned.plan.dropped, *planned.plan.unchecked),
        warnings=list(planned.plan.warnings),
        submitted_at=0.0,
        user=by.name,
        ceiling_flops=spec.limits.flops,
        rounds=planned.rounds,
        ceiling_seconds=None if spec.limits.hours is None else spec.limits.hours * 3600 * planned.workers,
    )
    # The data come first: as soon as the runs are stored, a scheduler may hand them out.
    publish(workspace, {planned.data.dataset, *(run.run.dataset for run in planned.plan.all_runs)})
    runs = [new_run(r, planned.cost, spec.kind) for r in planned.plan.all_runs]
    earlier = continued(workspace, planned) if planned.rounds and not is_known(workspace, planned) else None
    if earlier is not None:
        record, runs = replace(record, rounds=reopened(earlier.rounds)), _runs_again(workspace, earlier)
    stored = store.submit(record, runs, workspace.settings.ceilings, retry=True, rerun=rerun, by=by)
    if earlier is not None:
        _end(workspace, earlier.id)
    return stored


def _end(workspace: Workspace, sweep_id: int) -> None:
    """End an adaptive sweep from whose rounds another goes on, whatever it decides in this moment."""
    ended = False
    while not ended and (sweep := workspace.store.sweep_by_id(sweep_id)).open_ended:
        stop = Round((), sweep.rounds[-1].spent, stop=Stop.CONTINUED)
        ended = workspace.store.add_round(sweep_id, len(sweep.rounds), stop, [])


def continued(workspace: Workspace, planned: Planned) -> SweepRecord | None:
    """The revision whose rounds an adaptive sweep goes on from: it asked the same, for another precision or spend."""
    try:
        revisions = workspace.store.revisions(planned.spec.name)
    except NotFound:
        return None
    for earlier in revisions:
        same = earlier.rounds and earlier.dataset == planned.data.dataset and earlier.revision != _revision(planned)
        if same and _lasting(load_sweep(earlier.source)) == _lasting(planned.spec):
            return earlier
    return None


def _lasting(spec: SweepSpec) -> SweepSpec:
    """What must be equal for an adaptive sweep to go on from the rounds of another."""
    return replace(spec, limits=LimitsSpec(), adaptive=AdaptiveSpec(ask=spec.adaptive.ask))


def _runs_again(workspace: Workspace, earlier: SweepRecord) -> list[NewRun]:
    """The runs of an earlier revision's rounds, for another revision."""
    return [
        NewRun(run.id, run.config, run.flops, run.predicted_seconds, run.cell, run.role)
        for role in ("grid", "check")
        for run in workspace.store.runs_of(earlier.id, role)
        if run.cell is not None
    ]


def is_known(workspace: Workspace, planned: Planned) -> bool:
    """Whether this very plan was submitted before."""
    try:
        workspace.store.sweep(f"{planned.spec.name}@{_revision(planned)}")
    except NotFound:
        return False
    return True


def publish(workspace: Workspace, datasets: Iterable[str]) -> None:
    """Make datasets available to all workers."""
    for dataset in datasets:
        workspace.artifacts.publish(workspace.home.artifacts / dataset)


def datasets_of(workspace: Workspace, sweep: SweepRecord) -> set[str]:
    """The datasets of a sweep's runs: several where it varies the tokenizer or the corpus."""
    return {sweep.dataset, *(run.config["dataset"] for run in workspace.store.runs_of(sweep.id))}


def new_run(planned: PlannedRun, cost: SpeedModel | None = None, kind: str = "auto") -> NewRun:
    """A planned run as the store takes it.

    Args:
        planned: the run.
        cost: what predicted its seconds.
        kind: device that its sweep asks for: auto, cpu, cuda, or a key of DEVICES.
    """
    seconds = planned.seconds
    calibrated = None if cost is None or seconds is None else cost.calibrated(seconds, planned.params)
    cell = Cell.of(planned, kind, calibrated)
    return NewRun(planned.run_id, planned.run.to_dict(), planned.flops, planned.seconds, cell, planned.role)


def _revision(planned: Planned) -> str:
    """Content hash of a submission: the sweep, its data, and the runs that follow from both."""
    content = [spec_hash(planned.spec), planned.data.dataset, *sorted(r.run_id for r in planned.plan.all_runs)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
