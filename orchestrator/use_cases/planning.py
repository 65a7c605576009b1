"""Planning: a sweep file becomes a plan, from this machine's data and measured speed. Starts no run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.devices import DEVICES, is_device
from model.config import RunConfig
from model.hardware import kind_name
from orchestrator.scheduling.durations import LATEST, Durations
from orchestrator.scheduling.speed import SpeedModel, calibrate, rates_of
from orchestrator.settings import at_hand, choose_device, device_count, machine
from orchestrator.use_cases.noise import earlier_noise
from orchestrator.use_cases.recipes import recipes_of
from orchestrator.use_cases.shares import are_measured
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.compose import load_sweep
from sweeps.file.data_axes import data_type, varies_tokenizer, with_data
from sweeps.file.placing import placing
from sweeps.file.problem import Problem, SweepError
from sweeps.file.spec import SweepSpec
from sweeps.plan.adaptive import first_round
from sweeps.plan.expected_width import USUAL_NOISE, Expected, KnownNoise, expect
from sweeps.plan.grid import data_combinations
from sweeps.plan.hours import DeviceCost
from sweeps.plan.other_device import corpus_needed
from sweeps.plan.plan import make_plan, plan_of_runs
from sweeps.plan.records import DataFacts, DomainFacts, Plan, PlanError
from sweeps.plan.rounds import Round
from tokenizer.corpus_error import CorpusError, CorpusFileError
from tokenizer.corpus_spec import CorpusSpec
from tokenizer.dataset import COMPARED_BYTES, drop_cleaned, prepare
from tokenizer.files import Reach
from tokenizer.readings import cleaning_json, reading_json
from tokenizer.shards import Manifest


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned sweep, with everything that was found out before it is submitted."""

    plan: Plan
    """Its runs, and the cells that cannot run."""
    data: DataFacts
    """The tokenised corpus, or what was assumed of it."""
    device: str
    """Torch device of the workers, or the name of a device that this machine does not have."""
    workers: int
    """Devices that train at a time."""
    notes: tuple[str, ...] = ()
    """What was assumed of a device or a corpus that this machine does not have, a sentence each."""
    cost: SpeedModel | None = None
    """What predicted its seconds; None on a device that this machine does not have."""
    rounds: tuple[Round, ...] = ()
    """Of an adaptive sweep: its first round, whose runs are the plan's; empty for a fixed grid."""

    @property
    def spec(self) -> SweepSpec:
        """The sweep."""
        return self.plan.spec

    @property
    def device_name(self) -> str:
        """What a person calls the device: the kind of GPU if the sweep names one."""
        return self.spec.kind if self.device == "cuda" and self.spec.kind in DEVICES else self.device


class Planning:
    """Plans sweeps in a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        """Sweeps are planned on the data and the measurements of this workspace."""
        self._workspace = workspace

    def plan(
        self,
        source: Path | str | bytes,
        overrides: Sequence[str] = (),
        within: Reach | None = None,
        most: int | None = None,
    ) -> Planned:
        """Prepare the data, calibrate the machine, lay out the grid of a sweep file.

        Args:
            source: path of the file, or its content as bytes.
            overrides: `key=value` each.
            within: where the files of its corpus may lie; None for everywhere.
            most: most that its `limits.runs` may be, which bounds its grid before it is laid out.

        Raises:
            SweepError, CorpusError, PlanError, CalibrationError, SettingsError.
        """
        spec = self.load(source, overrides, paths=within is None)
        with placing(source, overrides):
            if most is not None and spec.limits.runs > most:
                reason = f"is {spec.limits.runs}: a service takes at most {most}; lower it"
                raise SweepError([Problem(reason, "limits.runs")])
            return self.plan_spec(spec, within)

    def load(self, source: Path | str | bytes, overrides: Sequence[str] = (), *, paths: bool = True) -> SweepSpec:
        """Read a sweep file together with the recipes that it names; `paths` says whether it may do so by path.

        Raises SweepError.
        """
        return load_sweep(source, overrides, recipes=recipes_of(self._workspace.home, paths=paths))

    def plan_spec(self, spec: SweepSpec, within: Reach | None = None) -> Planned:
        """`plan` for a sweep that was already read. Raises all but SweepError.

        `within` is where the files of its corpus may lie; None for everywhere.
        """
        if spec.tune.on:
            raise PlanError("tune: isoflop tune trains these trials; leave the key out to train the sweep's grid")
        device = self.device_of(spec)
        facts = self.facts(spec, within)
        workers = self.workers(device)
        notes = tuple(_notes_on_the_device(spec))
        if spec.adaptive.on:
            first = first_round(spec, facts)
            cost = self.cost([r.run for r in first.planned], spec)
            plan = plan_of_runs(spec, first.planned, facts, cost, workers=workers)
            return Planned(plan, facts, device, workers, notes, cost, (first.round,))
        draft = make_plan(spec, facts)
        cost = self.cost([r.run for r in draft.runs], spec) if draft.runs else None
        plan = make_plan(spec, facts, cost, workers=workers)
        return Planned(plan, facts, device, workers, notes, cost)

    def facts(self, spec: SweepSpec, within: Reach | None = None) -> DataFacts:
        """What a plan must know of the sweep's datasets, which are prepared if they do not exist yet.

        Corpora share their reading as far as they are read alike, and tokenizers a cleaned corpus and the validation
        documents on which they are scored.
        `within` is where the files of corpus and tokenizer may lie.

        Raises:
            CorpusFileError: a file cannot be read.
            CorpusError: there is no such text, or too little; the message says how much the sweep needs.
            TokenizerError: a tokenizer cannot be trained or loaded.
        """
        scored = COMPARED_BYTES if varies_tokenizer(spec) else 0
        root, say, choose = self._workspace.home.artifacts, self._workspace.say, self._workspace.preparation.choose
        combinations, known = list(data_combinations(spec)), {}
        parts = [with_data(spec, vary.to_dict()) for vary in combinations]
        for number in _by_reading([part.corpus for part in parts]):
            part = parts[number]
            try:
                keep = len(combinations) > 1
                asked = (part.corpus, part.tokenizer, root, say, within)
                shards = prepare(*asked, scored_bytes=scored, keep=keep, choose=choose)
            except CorpusFileError:
                raise
            except CorpusError as error:
                # Of this combination alone: the files of others have not been checked against `within` yet.
                alone = replace(part, vary={axis: each for axis, each in spec.vary.items() if not data_type(axis)})
                needed = f"{error.message}\n{corpus_needed(alone)}{_elsewhere(spec)}"
                raise CorpusError(needed, error.key) from error
            known[number] = facts_of(shards.manifest)
        if len(combinations) > 1:
            drop_cleaned(root)
        varied = tuple((vary, known[number]) for number, vary in enumerate(combinations))
        return replace(known[0], varied=varied) if len(varied) > 1 else known[0]

    def device_of(self, spec: SweepSpec) -> str:
        """The torch device of a sweep's workers. Raises SettingsError if this machine should train and cannot."""
        return choose_device(spec.kind, self._workspace.settings.ray_address)

    def workers(self, device: str) -> int:
        """Devices that train at a time on a torch device."""
        return device_count(self._workspace.settings, device)

    def cost(self, runs: Sequence[RunConfig], spec: SweepSpec) -> SpeedModel | None:
        """What predicts seconds and memory of runs on the sweep's device, corrected by what finished runs took.

        Its rates are measured if this machine has the device, else they come from the data sheet. None for
        `device: cuda` on a machine without one: nothing is known of whatever GPU a cluster has.

        Raises:
            CalibrationError.
        """
        done = self._workspace.store.latest_done(LATEST)
        if at_hand(spec.kind):
            device = choose_device(spec.kind)
            self._workspace.say("measuring this machine" if device == "cpu" else "measuring the GPU")
            settings, kind = self._workspace.settings, kind_name(device)
            rates = calibrate(self._workspace.store, runs, device)
            rates = replace(rates, stacked=settings.stacked or rates.stacked, beside=are_measured(settings))
            return SpeedModel(rates, Durations.of(run for run in done if run.device == kind))
        if spec.kind == "cuda":
            return None
        rates = rates_of(DeviceCost(DEVICES[spec.kind]), runs)
        return SpeedModel(rates, Durations.of(run for run in done if run.device and is_device(spec.kind, run.device)))

    def noise(self, planned: Planned) -> KnownNoise:
        """The noise between seeds to expect: as an earlier revision on the same data measured it, else the usual."""
        name, dataset = planned.spec.name, planned.data.dataset
        store, artifacts = self._workspace.store, self._workspace.home.artifacts
        same = [s for s in store.sweeps() if (s.name, s.dataset) == (name, dataset)]
        return earlier_noise(SweepAnswers(s, store.runs_of(s.id), artifacts) for s in same)

    def expect(self, planned: Planned, noise: KnownNoise = USUAL_NOISE) -> tuple[Expected, ...]:
        """How wide the intervals of the law's predictions will be, by simulation: one for each combination of axes."""
        return expect(planned.plan, noise)


def _by_reading(corpora: Sequence[CorpusSpec]) -> list[int]:
    """Their numbers, so that those that are read alike follow each other, and within these those cleaned alike."""
    read, cleaned = [reading_json(one) for one in corpora], [cleaning_json(one) for one in corpora]
    return sorted(range(len(corpora)), key=lambda n: (read.index(read[n]), cleaned.index(cleaned[n])))


def _notes_on_the_device(spec: SweepSpec) -> Iterator[str]:
    """What is assumed of a device that this machine does not have."""
    if at_hand(spec.kind):
        return
    yield f"`device: {spec.kind}` is left to a cluster: this machine has {machine()}"
    if spec.kind in DEVICES:
        yield "times come from its data sheet, an assumed share of its peak, and finished runs on such a device"


def _elsewhere(spec: SweepSpec) -> str:
    """How to plan without the data, for a sweep that will be trained on GPUs that this machine may not have."""
    if spec.kind in ("auto", "cpu"):
        return ""
    return f"; --device {'h100' if spec.kind == 'cuda' else spec.kind} plans it without the data"


def facts_of(manifest: Manifest) -> DataFacts:
    """What a plan must know of a dataset."""
    return DataFacts(
        dataset=manifest.dataset,
        vocab=manifest.vocab,
        train_tokens=manifest.unique_tokens,
        validation_tokens=manifest.validation_tokens,
        sets=tuple((name, one["tokens"]) for name, one in manifest.sets.items()),
        domains=tuple(DomainFacts(name, one["tokens"], one["weight"]) for name, one in manifest.domains.items()),
    )
