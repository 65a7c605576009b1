"""Hours of a sweep by budget, on a device at hand or not; and the data that it needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from analysis.devices import Device
from model.config import ModelConfig, TrainConfig
from model.flops import count_parameters, flops_per_token_by
from sweeps.file.data_axes import with_data
from sweeps.file.spec import LimitsSpec, SweepSpec
from sweeps.plan.combination import NOTHING_VARIED
from sweeps.plan.grid import data_combinations
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts, Plan
from sweeps.plan.utilisation import assumed_mfu
from tokenizer.loading import entries_of


@dataclass(frozen=True)
class DeviceCost:
    """Seconds of a run on a device that is not at hand: FLOPs over peak × utilisation."""

    device: Device
    """The accelerator."""
    mfu: float | None = None
    """Share of the peak; None assumes one by size."""

    @property
    def gpu_memory(self) -> int | None:
        """Bytes of its memory by the data sheet; None where nothing but the device's peak is known."""
        return self.device.memory

    def seconds(self, model: ModelConfig, train: TrainConfig, mates: int = 1) -> float:
        """FLOPs with full attention, as the published utilisations count them (PaLM, appendix B): of one at a time."""
        flops = train.sequences * model.context * flops_per_token_by(model)["full_attention"]
        share = self.mfu if self.mfu is not None else assumed_mfu(count_parameters(model).matmul)
        return flops / (self.device.peak * share)

    def processes(self, model: ModelConfig, train: TrainConfig, mates: int = 1) -> int:
        """One at a time: nothing is known of others beside it."""
        return 1


@dataclass(frozen=True)
class BudgetHours:
    """Runs, FLOPs and hours of one budget of a plan."""

    budget: float
    """Training FLOPs of a run."""
    runs: int
    """Runs at it, those of a recipe check among them."""
    flops: float
    """Training FLOPs of all of them."""
    device_hours: float
    """Hours of all of them, one after the other on one device."""


def hours_by_budget(plan: Plan) -> tuple[BudgetHours, ...]:
    """The plan's predicted hours, budget by budget; empty where the time of a run is not known."""
    if plan.seconds is None:
        return ()
    found = []
    for budget in plan.spec.budgets:
        runs = [run for run in plan.all_runs if run.budget == budget]
        seconds = math.fsum(run.seconds or 0.0 for run in runs)
        found.append(BudgetHours(budget, len(runs), math.fsum(run.flops for run in runs), seconds / 3600))
    return tuple(found)


def wall_hours(plan: Plan, devices: int) -> float | None:
    """Hours until the last run ends on this many devices, one run each; None where a run's time is not known."""
    times = [run.seconds for run in plan.all_runs if run.seconds is not None]
    if not times or len(times) < len(plan.all_runs):
        return None
    return max(math.fsum(times) / devices, *times) / 3600


def unlimited_data(spec: SweepSpec, known: DataFacts | None = None) -> DataFacts:
    """Facts of a corpus that no run exhausts, for planning without one; its vocabularies are the `known` ones.

    Raises TokenizerError where the sweep names a file that is no tokenizer.
    """

    def without_end(vocab: int) -> DataFacts:
        return DataFacts("", vocab, 10**18, 10**9)

    if known is None:
        found = [(vary, entries_of(with_data(spec, vary.to_dict()).tokenizer)) for vary in data_combinations(spec)]
    else:
        found = [(vary, facts.vocab) for vary, facts in known.varied] or [(NOTHING_VARIED, known.vocab)]
    varied = tuple((vary, without_end(vocab)) for vary, vocab in found)
    return replace(varied[0][1], varied=varied if len(varied) > 1 else ())


def tokens_needed(spec: SweepSpec) -> int:
    """Unique training tokens with which no cell of the sweep is dropped for its length."""
    plan = make_plan(replace(spec, limits=LimitsSpec()), unlimited_data(spec))
    longest = max((run.tokens for run in plan.runs), default=0)
    return math.ceil(longest / spec.epochs_max)
