"""A sweep with a check of its recipe, from its planned runs to the answers: losses are simulated."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.answers.serial import fit_json
from analysis.law import Law
from analysis.table.table import RunTable
from orchestrator.cli.answer_text import describe
from orchestrator.scheduling.progress import progress_of
from orchestrator.states import RunState
from orchestrator.store import RunRecord, SweepRecord
from orchestrator.use_cases.export import run_table
from orchestrator.use_cases.submission import new_run
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.web.render import environment
from sweeps.file.check import checked
from sweeps.file.serialise import to_yaml
from sweeps.file.spec import CentreSpec, SeedsSpec, SizesSpec, SweepSpec
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts, Plan, PlannedRun
from tests.unit.analysis.law_tables import small

FACTS = DataFacts(dataset="d" * 64, vocab=1024, train_tokens=100_000_000, validation_tokens=200_000)


def plan_of(**changes: Any) -> Plan:
    """A plan with one batch for all cells, so that each has a quarter of it."""
    overrides = {"min_steps": 20, "batch_length_exponent": 0} | changes.pop("recipe_overrides", {})
    base: dict[str, Any] = {
        "name": "checked",
        "budgets": (1e11, 3e11, 1e12),
        "centre": CentreSpec(params_at={"3e11": 5e4}),
        "sizes": SizesSpec(span=3.0),
        "recipe_overrides": overrides,
        "recipe_check": True,
    }
    return make_plan(checked(SweepSpec(**(base | changes))), FACTS)


def _loss(run: PlannedRun, generator: np.random.Generator, *, damage: float) -> float:
    """A known surface; at the right end of the largest budget the rule is `damage` worse than twice its rate."""
    (point,) = run.checks[:1] or (None,)
    exact = float(small(np.array([float(run.params)]), np.array([float(run.tokens)]))[0])
    broken = point is not None and point.place == "right end" and run.budget == 1e12
    better = broken and (point.batch_factor, point.lr_factor) == (1, 2)  # type: ignore[union-attr]
    away = 0.0 if point is None else 0.1 * abs(math.log2(point.lr_factor)) + 0.1 * abs(math.log2(point.batch_factor))
    return exact + float(generator.normal(0, 0.002)) + (0.0 if better else away + (damage if broken else 0.0))


def laws_of(plan: Plan, damage: float, state: RunState = RunState.DONE) -> SweepAnswers:
    generator = np.random.default_rng(0)
    runs = []
    for planned in plan.all_runs:
        new, loss = new_run(planned), _loss(planned, generator, damage=damage)
        high = bool(planned.checks) and planned.checks[0].lr_factor == 4
        record = RunRecord(
            id=new.id,
            config=new.config,
            flops=new.flops,
            predicted_seconds=None,
            state=state if high else RunState.DONE,
            fence=0,
            loss=None if high and state is not RunState.DONE else loss,
            bits_per_byte=None,
            seconds=1.0,
            result={},
            error=None,
            device="cpu",
            role=new.role,
            cell=new.cell,
        )
        runs.append(record)
    sweep = SweepRecord(1, "checked", "abcd", to_yaml(plan.spec), FACTS.dataset, FACTS.train_tokens, (), [], 0.0)
    return SweepAnswers(sweep, runs, Path("/nonexistent"))


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of(seeds=SeedsSpec(smallest_budget=3, largest_budget=2))


@pytest.fixture(scope="module")
def flagged(plan: Plan) -> Law:
    return laws_of(plan, 0.05, RunState.DIVERGED).laws()[""]


def test_checks_enter_no_fit_and_a_good_recipe_passes(plan: Plan) -> None:
    laws = laws_of(plan, 0.0, RunState.DIVERGED)
    law = laws.laws()[""]
    assert sum(len(curve.params) for curve in law.curves) == len(plan.runs)
    assert [cell.verdict for cell in law.recipe_check] == ["passes"] * 6
    assert [cell.place for cell in law.recipe_check] == ["left end", "centre", "right end"] * 2
    assert not any(curve.flags for curve in law.curves)
    progress = progress_of(laws.runs, {}, 1)
    assert progress.finished and progress.failed == 0, "a check that diverged has its result"


def test_a_curve_whose_end_fails_is_flagged(flagged: Law) -> None:
    failed = [cell for cell in flagged.recipe_check if cell.verdict == "fails"]
    assert [(cell.flops, cell.place, cell.best_batch, cell.best_lr) for cell in failed] == [(1e12, "right end", 1, 2)]
    assert failed[0].gap == pytest.approx(0.05, abs=0.01)
    assert [len(curve.flags) for curve in flagged.curves] == [0, 0, 1]
    (flag,) = flagged.curves[2].flags
    for part in ("right end", f"{failed[0].gap:.3f}", "learning rate ×2"):
        assert part in flag
    (warning,) = (w for w in flagged.warnings if "recipe" in w)
    assert warning.startswith("At 10¹² FLOPs") and f"the right end by {failed[0].gap:.3f}" in warning


def test_the_flag_is_in_the_json_the_lines_and_the_page(flagged: Law) -> None:
    document = json.loads(json.dumps(fit_json(flagged), allow_nan=False))
    assert [cell["verdict"] for cell in document["recipe_check"]].count("fails") == 1
    assert document["curves"][2]["flags"] == list(flagged.curves[2].flags)
    lines = describe(flagged)
    assert sum(line.startswith("  fails  10¹², right end") for line in lines) == 1
    assert sum(line.startswith("  passes  ") for line in lines) == 5
    parts = environment().get_template("_parts.html").module
    report = str(parts.recipe_check(flagged.recipe_check)) + str(parts.optima(flagged.curves))
    assert 'aria-label="Recipe check"' in report and report.count("<td>passes</td>") == 5
    assert "flagged:</span> Recipe check fails at the right end" in report


def test_runs_without_an_end_leave_the_verdict_open(plan: Plan) -> None:
    law = laws_of(plan, 0.0, RunState.QUEUED).laws()[""]
    assert {(cell.verdict, cell.trained, cell.runs) for cell in law.recipe_check} == {("open", 12, 15)}


def test_an_exported_table_says_which_runs_are_checks_and_fits_without_them(plan: Plan) -> None:
    laws = laws_of(plan, 0.0)
    frame = run_table(laws.sweep, laws.runs)
    assert Counter(frame["role"]) == {"grid": len(plan.runs), "check": len(plan.checks)}
    table = RunTable.from_frame(frame)
    assert len(table) == len(plan.runs)
    assert {entry.reason for entry in table.excluded} >= {"it checks the recipe"}
