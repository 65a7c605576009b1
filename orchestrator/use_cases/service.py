"""The use cases: plan, submit, schedule, watch, fit, predict, report. CLI and API call these and nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.answers.ask import Question, Reply
from analysis.answers.compare import Comparison, compare
from analysis.devices import DEVICES, is_device
from analysis.law import Law
from analysis.records import Prediction
from model.config import RunConfig
from model.hardware import kind_name
from orchestrator.attempts import Tracking
from orchestrator.cluster.artifact_store import ArtifactStore, open_artifacts
from orchestrator.cluster.cluster import Cluster
from orchestrator.cluster.head_watch import HeadLost
from orchestrator.home import Home
from orchestrator.scheduling.driver import scheduler_lock
from orchestrator.scheduling.durations import LATEST, Durations
from orchestrator.scheduling.progress import Progress, progress_of
from orchestrator.scheduling.scheduler import Scheduler
from orchestrator.scheduling.speed import SpeedModel, calibrate, rates_of
from orchestrator.settings import Settings, at_hand, choose_device, machine, read_settings, worker_count
from orchestrator.store import NewRun, Store, SweepRecord
from orchestrator.store.cell import Cell
from orchestrator.tracking.wandb_mirror import choose_tracking
from orchestrator.use_cases.answering import SweepLaws, earlier_noise
from orchestrator.use_cases.export import run_table
from sweeps.file.compose import load_sweep
from sweeps.file.serialise import spec_hash, to_yaml
from sweeps.file.spec import SweepSpec
from sweeps.plan.expected_width import TAKEN_FOR_GRANTED, Expected, KnownNoise, expect
from sweeps.plan.hours import DeviceCost
from sweeps.plan.other_device import corpus_needed
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts, Plan, PlannedRun
from tokenizer.corpus import CorpusError
from tokenizer.dataset import prepare
from tokenizer.shards import Manifest, Shards

Say = Callable[[str], None]
"""Takes one line of progress for a person."""

DRAIN_SECONDS = 15.0
"""Time that running attempts get to leave a checkpoint."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A sweep with everything that was found out before it is submitted."""

    plan: Plan
    data: Manifest | DataFacts
    device: str
    workers: int
    notes: tuple[str, ...] = ()
    """What was assumed of a device or a corpus that is not at hand."""
    cost: SpeedModel | None = None
    """What its seconds were predicted by; None elsewhere."""

    @property
    def spec(self) -> SweepSpec:
        """The sweep."""
        return self.plan.spec

    @property
    def device_name(self) -> str:
        """What a person calls the device: the kind of GPU where the sweep names one."""
        return self.spec.kind if self.device == "cuda" and self.spec.kind in DEVICES else self.device


class Service:
    """All use cases over one home."""

    def __init__(self, home: Home, settings: Settings | None = None, say: Say = lambda _: None) -> None:
        self.home = home.create()
        self.settings = settings or read_settings(home)
        self._say = say

    @cached_property
    def store(self) -> Store:
        """The database, opened at the first use."""
        return Store(self.settings.database_url)

    # planning and submitting

    def plan(self, source: Path | str, overrides: Sequence[str] = ()) -> Planned:
        """Prepare the data, calibrate the machine, lay out the grid. Starts no run.

        Raises SweepError, CorpusError, PlanError, CalibrationError, SettingsError.
        """
        return self.plan_spec(load_sweep(source, overrides))

    def plan_text(self, text: bytes, overrides: Sequence[str] = ()) -> Planned:
        """`plan` for a sweep file that came over the network."""
        return self.plan_spec(load_sweep(text, overrides))

    def plan_spec(self, spec: SweepSpec) -> Planned:
        """`plan` for a sweep that is already read."""
        device = self.device_of(spec)
        shards = self.shards(spec)
        facts = facts_of(shards.manifest)
        workers = worker_count(self.settings, device)
        draft = make_plan(spec, facts)
        cost = self.cost([r.run for r in draft.runs], spec) if draft.runs else None
        plan = make_plan(spec, facts, cost, workers=workers)
        return Planned(plan, shards.manifest, device, workers, tuple(_elsewhere_notes(spec)), cost)

    def shards(self, spec: SweepSpec) -> Shards:
        """The sweep's dataset. Raises CorpusError, which says how much text the sweep needs where there is none."""
        try:
            return prepare(spec.corpus, spec.tokenizer, self.home.artifacts, self._say)
        except CorpusError as error:
            raise CorpusError(f"{error}\n{corpus_needed(spec)}; --device h100 plans it without the data") from error

    def device_of(self, spec: SweepSpec) -> str:
        """The torch device of a sweep's workers. Raises SettingsError where this machine is to train and has none."""
        return choose_device(spec.kind, self.settings.ray_address)

    def cost(self, runs: Sequence[RunConfig], spec: SweepSpec) -> SpeedModel | None:
        """Seconds and memory of runs on the sweep's device: measured here, or by its data sheet; and learned.

        None where nothing is known: of whatever GPU a cluster may have. Raises CalibrationError.
        """
        done = self.store.latest_done(LATEST)
        if at_hand(spec.kind):
            device = choose_device(spec.kind)
            self._say("measuring this machine" if device == "cpu" else "measuring the GPU")
            rates, kind = calibrate(self.store, runs, device), kind_name(device)
            return SpeedModel(rates, Durations.of(run for run in done if run.device == kind))
        if spec.kind == "cuda":
            return None
        rates = rates_of(DeviceCost(DEVICES[spec.kind]), runs)
        return SpeedModel(rates, Durations.of(run for run in done if run.device and is_device(spec.kind, run.device)))

    def noise(self, planned: Planned) -> KnownNoise:
        """The noise between seeds to expect: as an earlier revision on the same data measured it, else the usual."""
        name, dataset = planned.spec.name, planned.data.dataset
        same = [s for s in self.store.sweeps() if (s.name, s.dataset) == (name, dataset)]
        return earlier_noise(SweepLaws(s, self.store.runs_of(s.id), self.home.artifacts) for s in same)

    def expect(self, planned: Planned, noise: KnownNoise = TAKEN_FOR_GRANTED) -> tuple[Expected, ...]:
        """The intervals to expect of the plan's forecasts, by simulation."""
        return expect(planned.plan, noise)

    def submit(self, planned: Planned, user: str = "", *, rerun: bool = False) -> SweepRecord:
        """Store the sweep and its new runs; failed runs of an earlier submission get another chance.

        `rerun` trains those that are done once more. A held sweep goes on.

        Raises CeilingExceeded.
        """
        spec, data = planned.spec, planned.data
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
            user=user or self.settings.user,
            ceiling_flops=spec.limits.flops,
            ceiling_seconds=None if spec.limits.hours is None else spec.limits.hours * 3600 * planned.workers,
        )
        # First the data, then the runs: a scheduler may hand them out at once.
        self.publish(record)
        ceilings = self.settings.ceilings
        new = [new_run(r, planned.cost, spec.kind) for r in planned.plan.all_runs]
        sweep = self.store.submit(record, new, ceilings)
        if rerun:
            self.store.rerun(sweep.id, ceilings)
        self.store.retry_failed(sweep.id, ceilings)
        self.store.release(sweep.id)
        return sweep

    # scheduling

    @contextlib.contextmanager
    def scheduling(self, device: str) -> Iterator[Scheduler]:
        """A scheduler with its workers, alone in this home; ends everything it started.

        Raises AlreadyScheduling, ClusterError, HeadLost.
        """
        with scheduler_lock(self.home.lock):
            workers = worker_count(self.settings, device)
            address, shares = self.settings.ray_address, self.settings.gpu_shares
            patience = self.settings.head_seconds
            cluster = Cluster(workers=workers, device=device, address=address, shares=shares, head_seconds=patience)
            scheduler = Scheduler(
                self.store,
                cluster,
                self.artifacts,
                self.tracking,
                ceilings=self.settings.ceilings,
                checkpoint_seconds=self.settings.checkpoint_seconds,
            )
            try:
                self._say(f"starting {workers} worker{'s' * (workers > 1)}")
                scheduler.take_over()
                yield scheduler
                scheduler.drain(DRAIN_SECONDS)
            except KeyboardInterrupt:
                self._say("stopping: each run leaves a checkpoint")
                scheduler.drain(DRAIN_SECONDS)
                raise
            except HeadLost:
                scheduler.drain(DRAIN_SECONDS)  # workers are reached without a head
                raise
            finally:
                cluster.close()
                scheduler.finish()

    @cached_property
    def tracking(self) -> Tracking:
        """Where wandb writes: found out once."""
        return choose_tracking(self.home.wandb)

    def execute(self, sweep: SweepRecord, device: str, observe: Callable[[Progress], None]) -> None:
        """Train what is left of a sweep, here and now; returns when nothing is left."""
        if self.progress(sweep).finished:
            return
        with self.scheduling(device) as scheduler:
            self.publish(sweep)
            scheduler.follow(sweep.id)
            scheduler.run(lambda live: observe(self.progress(sweep, live)))
        observe(self.progress(sweep))

    @cached_property
    def artifacts(self) -> ArtifactStore:
        """Where workers find datasets and leave event logs and checkpoints."""
        return open_artifacts(self.settings.artifacts_url or str(self.home.root))

    def publish(self, sweep: SweepRecord) -> None:
        """Make a sweep's dataset available to all workers."""
        self.artifacts.publish(self.home.artifacts / sweep.dataset)

    def progress(self, sweep: SweepRecord, live: Mapping[str, Mapping[str, Any]] | None = None) -> Progress:
        """How far a sweep is."""
        workers = worker_count(self.settings, choose_device("auto"))
        stored = self.store.sweep_by_id(sweep.id)
        return progress_of(self.store.runs_of(sweep.id), live or {}, workers, stored.on_hold, stored.waits)

    # answers

    def table(self, name: str) -> pd.DataFrame:
        """All runs of a sweep, one row each. Raises NotFound."""
        sweep = self.store.sweep(name)
        return run_table(sweep, self.store.runs_of(sweep.id))

    def of(self, name: str) -> SweepLaws:
        """What can be answered from a sweep's runs so far. Raises NotFound."""
        sweep = self.store.sweep(name)
        return SweepLaws(sweep, self.store.runs_of(sweep.id), self.home.artifacts)

    def laws(self, name: str) -> dict[str, Law]:
        """The law of each combination of a sweep's varied values; the key is empty where nothing varies.

        Raises NotFound, LawError.
        """
        return self.of(name).laws()

    def law(self, name: str, variant: str = "") -> Law:
        """One law of a sweep; `variant` such as `axis=value` chooses where several recipes were varied.

        Raises NotFound, LawError.
        """
        laws = self.of(name)
        return laws.fit(laws.variant(variant))

    def ask(self, name: str, question: Question, variant: str = "") -> Reply:
        """A sweep's reply to a question. Raises NotFound, LawError, QuestionError."""
        question.check()
        return self.of(name).reply(variant, question)

    def compare(self, baseline: str, other: str, variants: tuple[str, str] = ("", "")) -> Comparison:
        """The compute multiplier of one sweep over another. Raises NotFound, LawError."""
        first, second = (self.of(name) for name in (baseline, other))
        return compare(first.side(variants[0]), second.side(variants[1]))

    def compare_values(self, name: str, axis: str, baseline: str = "") -> list[Comparison]:
        """The compute multiplier of each value of a varied axis over the baseline, by default the first value.

        Raises NotFound, LawError, QuestionError.
        """
        return self.of(name).compare_values(axis, baseline)

    def with_shape(self, sweep: SweepRecord, prediction: Prediction, variant: str = "") -> Prediction:
        """A prediction together with its nearest buildable shape."""
        laws = self.of(f"{sweep.name}@{sweep.revision}")
        return laws.with_shape(laws.variant(variant), prediction)

    def spec_of(self, sweep: SweepRecord) -> SweepSpec:
        """The sweep as it was submitted."""
        return load_sweep(sweep.source, name_of_text=f"{sweep.name}@{sweep.revision}")


def _revision(planned: Planned) -> str:
    """Content address of a submission: the sweep, the data that it met, and the runs that came of both."""
    content = [spec_hash(planned.spec), planned.data.dataset, *sorted(r.run_id for r in planned.plan.all_runs)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _elsewhere_notes(spec: SweepSpec) -> Iterator[str]:
    """What is assumed of a device that only a cluster may have."""
    if at_hand(spec.kind):
        return
    yield f"a cluster has `device: {spec.kind}`: this machine has {machine()}"
    if spec.kind in DEVICES:
        yield "times are by its data sheet, a share of its peak by size, and finished runs on such a device"


def facts_of(manifest: Manifest) -> DataFacts:
    """What a plan must know of a dataset."""
    return DataFacts(
        dataset=manifest.dataset,
        vocab=manifest.vocab,
        train_tokens=manifest.train_tokens,
        validation_tokens=manifest.validation_tokens,
    )


def new_run(planned: PlannedRun, cost: SpeedModel | None = None, kind: str = "auto") -> NewRun:
    """A planned run as the store takes it: with what predicted its seconds, and the device that its sweep asks for."""
    seconds = planned.seconds
    calibrated = None if cost is None or seconds is None else cost.calibrated(seconds, planned.params)
    cell = Cell.of(planned, kind, calibrated)
    return NewRun(planned.run_id, planned.run.to_dict(), planned.flops, planned.seconds, cell, planned.role)
