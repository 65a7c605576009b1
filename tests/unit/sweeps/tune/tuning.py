"""A tuning whose losses are simulated, played to its end: the best batch is 2,048 · √(D / 3e6), the best rate 0.01."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sweeps.file.spec import SweepSpec, TuneSpec
from sweeps.plan.adaptive import Decision
from sweeps.plan.records import PlannedRun
from sweeps.tune.rounds import Trial, first_trials, next_trials
from tests.unit.sweeps.plans import FACTS, spec_of

START = {"batch_tokens": 8192.0, "lr": 0.00125, "lr_cap": 0.00125, "lr_exponent": 0.0, "embedding_lr": 0.0}
"""Eight times too small a rate, and at 3e6 tokens seven times too large a batch."""


def tune_spec(**changes: Any) -> SweepSpec:
    """A tuning of batch and rate at six cells; `changes` are keys of `tune`."""
    keys: dict[str, Any] = {"spend": 1.5e13, "search": ("batch", "lr"), "rounds": 3} | changes
    return spec_of(tune=TuneSpec(**keys), recipe_overrides=START)


def loss_of(run: PlannedRun) -> float:
    """The loss of a run: noise that only its identity decides."""
    noise = np.random.default_rng(int(run.run_id[:12], 16)).normal(0, 0.005)
    batch = math.log(run.batch_tokens / (2048 * math.sqrt(run.tokens / 3e6)))
    rate = math.log(run.run.train.lr / 0.01)
    return 4.0 + 0.06 * (batch**2 + rate**2) + noise


def trial(run: PlannedRun, loss: float | None = None) -> Trial:
    """A run with the loss that it had."""
    return Trial(run.run, run.budget, run.flops, loss, next(iter(run.checks), None))


def trained(decisions: list[Decision]) -> list[Trial]:
    """All runs of some rounds with their losses."""
    return [trial(run, loss_of(run)) for decision in decisions for run in decision.planned]


def play(spec: SweepSpec) -> list[Decision]:
    """All decisions of a tuning, the first round first and the end last."""
    decisions = [first_trials(spec, FACTS)]
    while decisions[-1].round.stop is None:
        decisions.append(next_trials(spec, FACTS, trained(decisions), len(decisions)))
    return decisions
