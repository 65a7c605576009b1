"""The answers of a sweep whose losses are simulated, for the tests of everything that answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from orchestrator.states import RunState
from orchestrator.store import RunRecord, SweepRecord
from orchestrator.use_cases.submission import new_run
from orchestrator.use_cases.sweep_answers import SweepAnswers
from sweeps.file.serialise import to_yaml
from sweeps.file.spec import CentreSpec, SizesSpec, SweepSpec
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts, PlannedRun
from tests.unit.analysis.law_tables import small

FACTS = DataFacts(dataset="d" * 64, vocab=1024, train_tokens=100_000_000, validation_tokens=200_000)


def _loss(run: PlannedRun, generator: np.random.Generator) -> float:
    """A context of 64 is worth half the parameters and half the tokens: a quarter of the compute."""
    worth = 0.5 if run.run.model.context == 64 else 1.0
    exact = small(np.array([worth * run.params]), np.array([worth * run.tokens]))
    return float(exact[0] + generator.normal(0, 0.002))


def simulated_answers(name: str = "s", *, bytes_per_token: float = 3.0, **changes: Any) -> SweepAnswers:
    """Answers of a finished sweep of three budgets; `changes` are keys of its file."""
    base: dict[str, Any] = {
        "name": name,
        "budgets": (1e11, 3e11, 1e12),
        "centre": CentreSpec(params_at={"3e11": 5e4}),
        "sizes": SizesSpec(span=3.0),
    }
    spec = SweepSpec(**(base | changes))
    plan = make_plan(spec, FACTS)
    sweep = SweepRecord(1, name, "abcd", to_yaml(spec), FACTS.dataset, FACTS.train_tokens, (), [], 0.0)
    generator = np.random.default_rng(0)
    runs = []
    for planned in plan.runs:
        new, loss = new_run(planned), _loss(planned, generator)
        bits = loss / np.log(2) / bytes_per_token
        record = RunRecord(
            id=new.id,
            config=new.config,
            flops=new.flops,
            predicted_seconds=None,
            state=RunState.DONE,
            fence=0,
            loss=loss,
            bits_per_byte=bits,
            seconds=1.0,
            result={},
            error=None,
            device="cpu",
            role="grid",
            cell=new.cell,
        )
        runs.append(record)
    return SweepAnswers(sweep, runs, Path("/nonexistent"))
