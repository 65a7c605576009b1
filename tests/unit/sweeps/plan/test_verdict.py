"""The verdict on a planned grid, and the change that gives a law: planned for real, losses simulated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sweeps.file.compose import load_sweep
from sweeps.file.serialise import to_yaml
from sweeps.file.spec import CentreSpec, LimitsSpec, SizesSpec, SweepSpec
from sweeps.plan.combination import Combination
from sweeps.plan.expected_width import expect
from sweeps.plan.plan import make_plan
from sweeps.plan.records import Cause, DataFacts, Plan, PlanError
from sweeps.plan.verdict import Remedy, Verdict, judge, verdict
from tests.unit.sweeps.plans import FACTS, Steady, facts, packaged, spec_of


def found(spec: SweepSpec, data: DataFacts = FACTS, workers: int = 1) -> Verdict:
    """The verdict on a sweep, with a remedy where it needs one."""

    def replan(changed: SweepSpec) -> Plan:
        return make_plan(changed, data, Steady())

    plan = replan(spec)
    return verdict(plan, expect(plan), replan, workers=workers)


def with_law(spec: SweepSpec, remedy: Remedy, data: DataFacts = FACTS) -> Plan:
    """The plan of the remedied sweep, which gives a law with every curve."""
    plan = make_plan(load_sweep(to_yaml(spec), remedy.overrides), data, Steady())
    assert judge(plan, expect(plan)).complete
    return plan


def test_a_good_grid_gives_a_law_and_says_how_far_it_is_useful() -> None:
    seen = found(packaged("cpu"))
    assert seen.complete and seen.gives_law and seen.reason == "" and seen.remedy is None
    assert (seen.curves, seen.budgets, seen.largest_budget, seen.cause) == (5, 5, 4e12, None)
    assert seen.reach == expect(make_plan(packaged("cpu"), FACTS))[0].reach >= 100
    assert found(packaged("demo")).reach == 5


def test_too_little_text_is_mended_by_the_fewest_passes() -> None:
    spec = spec_of(sizes=SizesSpec(span=4.0))
    data = facts(1_000_000)
    seen = found(spec, data, workers=2)
    assert not seen.gives_law and seen.cause is Cause.DATA and seen.reach == 0
    short = 3 - seen.curves
    assert seen.reason == f"{short} of 3 budgets keep fewer than 5 sizes (epochs_max)"
    assert seen.remedy is not None
    (override,) = seen.remedy.overrides
    plan = with_law(spec, seen.remedy, data)
    assert override == f"epochs_max={plan.spec.epochs_max:g}"
    fewer = make_plan(replace(spec, epochs_max=plan.spec.epochs_max - 0.5), data)
    assert not judge(fewer, expect(fewer)).complete
    assert (seen.remedy.cells, seen.remedy.of_cells) == (len(plan.runs), 21)
    assert seen.remedy.seconds == pytest.approx((plan.seconds or 0) / 2)


def test_text_for_no_good_number_of_passes_calls_for_the_largest_smaller_budgets() -> None:
    data = facts(250_000)
    seen = found(packaged("demo"), data)
    assert not seen.gives_law and seen.remedy is not None
    (override,) = seen.remedy.overrides
    assert override.startswith("budgets=[")
    plan = with_law(packaged("demo"), seen.remedy, data)
    larger = replace(plan.spec, budgets=tuple(budget * 10**0.1 for budget in plan.spec.budgets))
    assert not judge(make_plan(larger, data), ()).complete


@pytest.mark.parametrize(
    ("changes", "reason", "override"),
    [
        ({"budgets": (1e11, 3e11)}, "2 budgets, but a power law needs 3", "budgets=[7.5e10, 1.5e11, 3e11]"),
        ({"budgets": (1e11,)}, "1 budget, but a power law needs 3", "budgets=[2.5e10, 5e10, 1e11]"),
        ({"sizes": SizesSpec(count=4)}, "3 of 3 budgets keep fewer than 5 sizes", "sizes.count=7"),
        ({"sizes": SizesSpec(span=1.1)}, "3 of 3 budgets keep fewer than 5 sizes (sizes)", "sizes.span=1.4"),
        ({"context": 4096}, "3 of 3 budgets keep fewer than 5 sizes (min_steps)", "context=1024"),
        (
            {"recipe_overrides": {"warmup": 0.9}},
            "3 of 3 budgets keep fewer than 5 sizes (recipe_overrides)",
            "recipe_overrides={}",
        ),
    ],
)
def test_each_cause_has_its_remedy(changes: dict[str, Any], reason: str, override: str) -> None:
    spec = spec_of(**changes)
    seen = found(spec)
    assert not seen.gives_law and seen.reason == reason
    assert seen.remedy is not None and seen.remedy.overrides == (override,)
    with_law(spec, seen.remedy)


def test_a_law_without_all_its_curves_is_a_law_that_can_be_completed() -> None:
    spec = spec_of(
        budgets=(1e11, 3e11, 1e12, 3e12), sizes=SizesSpec(span=4.0), centre=CentreSpec(tokens_per_param=20.0)
    )
    seen = found(spec, facts(3_800_000))
    assert seen.gives_law and not seen.complete
    assert (seen.curves, seen.budgets) == (3, 4)
    assert seen.reason == "1 of 4 budgets keeps fewer than 5 sizes (epochs_max)"
    assert seen.remedy is not None and seen.remedy.overrides == ("epochs_max=1.5",)
    with_law(spec, seen.remedy, facts(3_800_000))


def test_the_weakest_combination_decides() -> None:
    seen = found(spec_of(vary={"min_steps": [100, 2500]}))
    assert not seen.gives_law and seen.vary == Combination.of({"min_steps": 2500})
    assert seen.reason.endswith("(min_steps) with min_steps=2500")
    gone = judge(make_plan(spec_of(vary={"min_steps": [100, 10**9]}), FACTS), ())
    assert (gone.curves, gone.vary.label) == (0, "min_steps=1000000000")


def test_a_refusal_of_the_simulation_is_the_reason() -> None:
    plan = make_plan(spec_of(), FACTS)
    (one,) = expect(plan)
    refused = judge(plan, (replace(one, widths=(), refusal="no curvature"),))
    assert not refused.gives_law and refused.reason == "no curvature" and refused.reach == 0
    assert not judge(plan, ()).gives_law, "what was not simulated is not promised"


def test_changes_beyond_the_sweeps_limits_are_no_remedy() -> None:
    spec = spec_of(budgets=(1e11, 3e11), limits=LimitsSpec(flops=3e12))

    def replan(changed: SweepSpec) -> Plan:
        if changed.budgets != spec.budgets:
            raise PlanError("above limits.flops")
        return make_plan(changed, FACTS)

    plan = replan(spec)
    assert verdict(plan, expect(plan), replan).remedy is None


def test_json_holds_the_verdict_and_its_remedy() -> None:
    seen = found(spec_of(budgets=(1e11, 3e11)))
    assert seen.remedy is not None
    assert seen.to_dict() == {
        "gives_law": False,
        "reason": "2 budgets, but a power law needs 3",
        "curves": 2,
        "budgets": 2,
        "reach": 0.0,
        "remedy": {
            "overrides": ["budgets=[7.5e10, 1.5e11, 3e11]"],
            "cells": 21,
            "of_cells": 21,
            "seconds": seen.remedy.seconds,
        },
    }
    assert replace(seen, remedy=None).to_dict()["remedy"] is None
