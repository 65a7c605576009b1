"""An adaptive sweep whose losses are simulated, played to its end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.fitting.cost import TokenCost
from analysis.law import Law, fit
from analysis.suggest.cells import Cells
from analysis.table.table import RunTable
from sweeps.file.spec import AdaptiveSpec, SweepSpec, UntilSpec
from sweeps.plan.adaptive import Ahead, Decision, Trained, first_round, next_round
from sweeps.plan.combination import NOTHING_VARIED
from sweeps.plan.grid import setting_of
from sweeps.plan.records import PlannedRun
from sweeps.recipes.ladder import flops_nodes
from tests.unit.analysis.law_tables import small
from tests.unit.sweeps.plans import FACTS, spec_of

ASK, SPEND = 4e12, 1.8e13


def adaptive_spec(*, params: float | None = None, loss: float | None = None, **changes: Any) -> SweepSpec:
    """An adaptive sweep of three budgets; `changes` are keys of `adaptive`."""
    keys = {"ask": ASK, "spend": SPEND, "rounds": 4} | changes
    return spec_of(adaptive=AdaptiveSpec(until=UntilSpec(params, loss), **keys))


def loss_of(run: PlannedRun) -> float:
    """The loss of a run: noise that only its identity decides."""
    noise = np.random.default_rng(int(run.run_id[:12], 16)).normal(0, 0.003)
    return float(small(np.array([run.params]), np.array([run.tokens]))[0] + noise)


def law_of(spec: SweepSpec, runs: list[PlannedRun]) -> tuple[Law, Cells]:
    """The law of some runs, and their cells."""
    frame = pd.DataFrame(
        {
            "flops": [run.flops for run in runs],
            "params": [run.params for run in runs],
            "tokens": [run.tokens for run in runs],
            "budget": [run.budget for run in runs],
            "seed": [run.seed for run in runs],
            "size_id": [run.size_id for run in runs],
            "loss": [loss_of(run) for run in runs],
        }
    )
    table = RunTable.from_frame(frame, loss_unit="nats/token")
    setting = setting_of(spec, FACTS.vocab, NOTHING_VARIED)
    nodes = flops_nodes(setting.recipe, setting.vocab, setting.context, setting.parts)
    law = fit(table, cost=TokenCost.from_nodes([n for n, _ in nodes], [f for _, f in nodes]), holdout=False)
    return law, Cells.run_already(table, 0)


def trained(run: PlannedRun, loss: float | None = None) -> Trained:
    """A run with the loss that it had."""
    return Trained(run.run_id, run.budget, run.size_id, run.flops, loss)


def ahead(run: PlannedRun) -> Ahead:
    """A run with which the next round begins."""
    return Ahead(run.run_id, run.budget, run.params, run.flops)


def play(spec: SweepSpec) -> list[Decision]:
    """All decisions of a sweep, the first design first and the end last."""
    decisions = [first_round(spec, FACTS)]
    while decisions[-1].round.stop is None:
        decisions.append(follow(spec, decisions))
    return decisions


def follow(spec: SweepSpec, decisions: list[Decision]) -> Decision:
    """What follows the decisions so far."""
    planned = {run.run_id: run for decision in decisions for run in decision.planned}
    runs = [planned[run_id] for decision in decisions for run_id in decision.round.runs]
    law, had = law_of(spec, runs)
    begun = [ahead(planned[run_id]) for run_id in decisions[-1].round.ahead]
    return next_round(spec, FACTS, law, had, [trained(run, loss_of(run)) for run in runs], len(decisions), begun)
