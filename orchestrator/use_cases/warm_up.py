"""A sweep that nobody trained, by which a process warms up before anybody asks."""

from __future__ import annotations

from pathlib import Path

from orchestrator.states import RunState
from orchestrator.store import RunRecord, SweepRecord
from orchestrator.use_cases.submission import new_run
from orchestrator.use_cases.sweep_answers import SweepAnswers
from sweeps.file.compose import load_sweep
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts, PlannedRun

FILE = "extends: demo\nname: warm-up\n"
"""Its sweep file: small, and with a law."""
FACTS = DataFacts("warm-up", 1024, 100_000_000, 200_000)
"""Its dataset, which there is not."""


def sample_answers(artifacts: Path) -> SweepAnswers:
    """What it answers; `artifacts` is the folder of datasets, in which its own is missing."""
    sweep = SweepRecord(0, "warm-up", "0" * 16, FILE, FACTS.dataset, FACTS.train_tokens, (), [], 0.0)
    runs = [_ended(planned) for planned in make_plan(load_sweep(FILE.encode()), FACTS).runs]
    return SweepAnswers(sweep, runs, artifacts)


def _ended(planned: PlannedRun) -> RunRecord:
    """A planned run as if it had ended, with a loss that follows a law."""
    new, loss = new_run(planned), 1.3 + 60 / planned.params**0.34 + 250 / planned.tokens**0.37
    return RunRecord(
        id=new.id,
        config=new.config,
        flops=new.flops,
        predicted_seconds=None,
        state=RunState.DONE,
        fence=1,
        loss=loss,
        bits_per_byte=loss / 2,
        seconds=1.0,
        result={},
        error=None,
        device="cpu",
        role=new.role,
        cell=new.cell,
    )
