"""The runs that check a recipe: which they are, and what cannot be tried."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from sweeps.file.check import checked
from sweeps.file.compose import SweepError, load_sweep
from sweeps.file.serialise import to_yaml
from sweeps.file.spec import CentreSpec, LimitsSpec, SizesSpec, SweepSpec
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts, Plan, PlanError

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


def test_a_check_adds_runs_at_the_ends_and_leaves_the_grid_as_it_was() -> None:
    plan, plain = plan_of(), plan_of(recipe_check=False)
    assert [run.run_id for run in plan.runs] == [run.run_id for run in plain.runs]
    assert plain.checks == plain.unchecked == ()
    assert len(plan.checks) == 2 * 3 * 14
    assert {run.role for run in plan.runs} == {"grid"} and {run.role for run in plan.checks} == {"check"}
    assert len({run.run_id for run in plan.all_runs}) == len(plan.all_runs)
    assert plan.flops == pytest.approx(plain.flops + sum(run.flops for run in plan.checks))
    for budget in (1e11, 1e12):
        sizes = sorted({run.params for run in plain.runs if run.budget == budget})
        checked = {run.params for run in plan.checks if run.budget == budget}
        assert checked == {sizes[0], sizes[3], sizes[-1]}


def test_only_batch_and_learning_rates_differ_from_the_rule() -> None:
    plan = plan_of()
    rules = {(run.budget, run.size_id): run for run in plan.runs if run.checks}
    seen: Counter[tuple[float, float]] = Counter()
    for run in plan.checks:
        rule = rules[run.budget, run.size_id].run.train
        (point,) = run.checks
        seen[point.batch_factor, point.lr_factor] += 1
        assert run.run.train.batch == rule.batch * point.batch_factor
        assert run.run.train.lr == pytest.approx(rule.lr * point.lr_factor)
        assert run.run.train.embedding_lr == pytest.approx((rule.embedding_lr or 0) * point.lr_factor)
        changed = {"batch": rule.batch, "lr": rule.lr, "embedding_lr": rule.embedding_lr}
        assert replace(run.run.train, **changed) == rule
        assert run.steps == run.run.train.steps and run.batch_tokens == run.run.train.batch * 128
    assert len(seen) == 14 and set(seen.values()) == {6}


def test_what_cannot_be_checked_is_left_out_with_its_reason() -> None:
    few = plan_of(recipe_overrides={"min_steps": 150})
    reasons = {cell.reason for cell in few.unchecked}
    assert reasons and all("batch ×4" in reason and "fewer than 150" in reason for reason in reasons)
    assert len(few.checks) == 84 - 5 * len(few.unchecked)
    assert min(run.steps for run in few.checks) >= 150
    narrow = plan_of(recipe_overrides={"batch_tokens": 256, "min_steps": 20})
    assert {cell.reason for cell in narrow.unchecked} == {"recipe check with batch ×0.25: less than one sequence"}


def test_a_check_run_that_the_grid_has_already_runs_once() -> None:
    plan = plan_of(vary={"embedding_lr": [0.06, 0.12], "lr_cap": [1.0, 2.0], "lr": [0.006, 0.012]})
    shared = [run for run in plan.runs if len(run.checks) > 1]
    assert shared, "twice the rates of one combination are another combination"
    assert len(plan.checks) < 4 * 84
    for run in shared:
        assert len({trial.vary for trial in run.checks}) == len(run.checks)


def test_limits_count_the_check() -> None:
    with pytest.raises(PlanError, match=r"limits\.flops"):
        plan_of(limits=LimitsSpec(flops=plan_of().flops * 0.9))
    with pytest.raises(SweepError, match=r"limits\.runs"):
        plan_of(limits=LimitsSpec(runs=30))


def test_the_key_is_read_and_written() -> None:
    spec = load_sweep(b"extends: demo\nname: c\nrecipe_check: true\n")
    assert spec.recipe_check and load_sweep(to_yaml(spec).encode()) == spec


def test_a_check_with_exactly_the_fewest_steps_runs() -> None:
    plan = plan_of()
    shortest = min(plan.checks, key=lambda run: run.steps)
    assert shortest.run_id in {run.run_id for run in plan_of(recipe_overrides={"min_steps": shortest.steps}).checks}
    fewer = plan_of(recipe_overrides={"min_steps": shortest.steps + 1})
    assert shortest.run_id not in {run.run_id for run in fewer.checks}
    words = f"{shortest.steps} optimizer steps, fewer than {shortest.steps + 1}"
    assert any(words in cell.reason for cell in fewer.unchecked)
