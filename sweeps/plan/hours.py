"""Hours of a sweep on a device, at hand or not, by budget; and the budgets that fill so many hours."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from analysis.devices import Device
from model.config import ModelConfig, TrainConfig
from model.flops import count_parameters, flops_per_token_by
from sweeps.file.spec import LimitsSpec, SweepSpec
from sweeps.plan.plan import make_plan
from sweeps.plan.records import CostModel, DataFacts, Plan, PlanError
from sweeps.plan.utilisation import assumed_mfu

CLOSE: Final = 0.01
"""Relative distance from the wanted hours at which the search ends."""
ROUNDS: Final = 30
"""Plans that the search may lay out."""


@dataclass(frozen=True)
class DeviceCost:
    """Seconds of a run on a device that is not at hand: FLOPs over peak × utilisation."""

    device: Device
    """The accelerator."""
    mfu: float | None = None
    """Share of the peak; None assumes one by size."""

    @property
    def gpu_memory(self) -> int | None:
        """Bytes of its memory by the data sheet; None where the device is only a peak."""
        return self.device.memory

    def seconds(self, model: ModelConfig, train: TrainConfig) -> float:
        """FLOPs with full attention, as the published utilisations count them (PaLM, appendix B)."""
        flops = train.sequences * model.context * flops_per_token_by(model)["full_attention"]
        share = self.mfu if self.mfu is not None else assumed_mfu(count_parameters(model).matmul)
        return flops / (self.device.peak * share)


@dataclass(frozen=True)
class BudgetHours:
    """What one budget of a plan takes."""

    budget: float
    """Training FLOPs of a run."""
    runs: int
    """Runs at it, those of a recipe check among them."""
    flops: float
    """Training FLOPs of all of them."""
    device_hours: float
    """Hours of all of them, one after the other on one device."""


def hours_by_budget(plan: Plan) -> tuple[BudgetHours, ...]:
    """The plan's predicted hours, budget by budget; empty where a run's time is not known."""
    if plan.seconds is None:
        return ()
    found = []
    for budget in plan.spec.budgets:
        runs = [run for run in plan.all_runs if run.budget == budget]
        seconds = math.fsum(run.seconds or 0.0 for run in runs)
        found.append(BudgetHours(budget, len(runs), math.fsum(run.flops for run in runs), seconds / 3600))
    return tuple(found)


def wall_hours(plan: Plan, devices: int) -> float | None:
    """Hours until the last run, of a recipe check too, ends on so many devices: a run takes one of them."""
    times = [run.seconds for run in plan.all_runs if run.seconds is not None]
    if not times or len(times) < len(plan.all_runs):
        return None
    return max(math.fsum(times) / devices, *times) / 3600


def endless(spec: SweepSpec, vocab: int | None = None) -> DataFacts:
    """Facts of a corpus that no run exhausts, for planning where none is at hand."""
    return DataFacts("", vocab or spec.tokenizer.vocab, 10**18, 10**9)


def tokens_needed(spec: SweepSpec, vocab: int | None = None) -> int:
    """Unique training tokens with which no cell of the sweep is dropped for its length."""
    plan = make_plan(replace(spec, limits=LimitsSpec()), endless(spec, vocab))
    longest = max((run.tokens for run in plan.runs), default=0)
    return math.ceil(longest / spec.epochs_max)


def fill_hours(spec: SweepSpec, cost: CostModel, hours: float, devices: int = 1, *, vocab: int) -> SweepSpec:
    """The sweep with all budgets scaled by one factor, so that it is predicted to take `hours` on `devices`.

    Count and spacing of the budgets stay. Its limits are lifted for the search; the plan of the result is held to them.

    Raises:
        PlanError: where no factor gives a plan of that length.
    """
    if not (math.isfinite(hours) and hours > 0):
        raise PlanError(f"hours must be a positive number, not {hours:g}")
    low, high = 0.0, math.inf
    factor, fitting = 1.0, None
    for _ in range(ROUNDS):
        scaled = _scaled(spec, factor)
        taken = wall_hours(make_plan(replace(scaled, limits=LimitsSpec()), endless(spec, vocab), cost), devices) or 0.0
        if abs(taken / hours - 1) <= CLOSE:
            return scaled
        low, high = (factor, high) if taken < hours else (low, factor)
        if 0 < taken < hours:
            fitting = scaled
        # Time grows about as the FLOPs do; where that guess leaves the bracket, its middle is taken.
        guess = factor * hours / taken if taken else 100.0 * factor
        factor = guess if low < guess < high else math.sqrt(low * high) if low else high / 100
        if not (1e-12 < factor < 1e12 and high > (1 + CLOSE) * low):
            break
    if fitting is None:
        raise PlanError(f"no budgets of this grid take {hours:g} hours: see the reasons of its dropped cells")
    return fitting  # cells come and go by steps: the most that fits


def _scaled(spec: SweepSpec, factor: float) -> SweepSpec:
    """The sweep with its budgets times a factor, in three digits."""
    return replace(spec, budgets=tuple(float(f"{budget * factor:.3g}") for budget in spec.budgets))
