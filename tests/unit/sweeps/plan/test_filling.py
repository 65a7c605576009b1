"""Grids that fill some hours and give a law: planned for real on small sweeps, losses simulated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.devices import DEVICES
from sweeps.file.compose import load_sweep
from sweeps.file.serialise import to_yaml
from sweeps.file.spec import CentreSpec, LimitsSpec, SeedsSpec, SizesSpec, SweepSpec
from sweeps.plan.changes import scaled
from sweeps.plan.expected_width import expect
from sweeps.plan.filling import FINE, Filled, fill_hours
from sweeps.plan.hours import DeviceCost, unlimited_data, wall_hours
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts, Plan, PlanError
from sweeps.plan.verdict import judge
from tests.unit.sweeps.plans import FACTS, Steady, facts, packaged, spec_of

H100 = DeviceCost(DEVICES["h100"])
SPEC = SweepSpec("t", (1e15, 2e15, 4e15), recipe="porian-olmo", centre=CentreSpec(tokens_per_param=20), context=512)


def fill(spec: SweepSpec, hours: float, data: DataFacts = FACTS, devices: int = 2) -> tuple[Filled, Plan]:
    """The choice, and its plan, which gives a law with every curve in the time that was promised."""
    filled = fill_hours(spec, Steady(), hours, devices, facts=data)
    plan = make_plan(replace(filled.spec, limits=LimitsSpec()), data, Steady())
    assert judge(plan, expect(plan)).complete
    assert filled.hours == pytest.approx(wall_hours(plan, devices) or 0.0)
    assert filled.hours <= 1.01 * hours
    return filled, plan


@pytest.mark.parametrize("devices", [1, 2])
def test_a_grid_of_a_device_fills_its_hours(devices: int) -> None:
    data = unlimited_data(SPEC, DataFacts("", 4096, 1, 1))
    filled = fill_hours(SPEC, H100, 3.0, devices, facts=data)
    plan = make_plan(filled.spec, data, H100)
    assert wall_hours(plan, devices) == pytest.approx(3.0, rel=0.03)
    assert len(filled.spec.budgets) > 3, "three budgets would leave the loss beyond them unknown"
    assert filled.epochs_needed is None
    assert filled.reach == expect(plan)[0].reach * filled.spec.budgets[-1] > 0


@pytest.mark.slow
def test_a_grid_that_reaches_as_far_stays_the_sweeps_own() -> None:
    filled, _ = fill(packaged("cpu"), 0.5)
    spacing = [later / former for former, later in zip(filled.spec.budgets, filled.spec.budgets[1:], strict=False)]
    assert spacing == pytest.approx([40**0.25] * 4, rel=0.01)
    assert filled.hours == pytest.approx(0.5, rel=0.02)
    assert filled.spec.seeds == packaged("cpu").seeds


@pytest.mark.slow
def test_more_hours_reach_further() -> None:
    few, many = (fill(packaged("demo"), hours)[0] for hours in (0.02, 0.6))
    assert (few.hours, many.hours) == pytest.approx((0.02, 0.6), rel=0.02)
    assert many.reach > 10 * few.reach > 0
    assert len(many.spec.budgets) == 6, "the demo's three budgets would reach no further than a tenth of it"


@pytest.mark.slow
def test_where_the_data_end_repeats_fill_the_hours_and_the_needed_passes_are_named() -> None:
    data = facts(2_000_000)
    filled, plan = fill(packaged("demo"), 0.5, data)
    assert len(plan.dropped) <= 2 * len(filled.spec.budgets)
    assert filled.spec.seeds == SeedsSpec(3, 5, 5) and 0.44 <= filled.hours <= 0.5
    assert filled.epochs_needed is not None and filled.epochs_needed > 1
    enough, _ = fill(replace(packaged("demo"), epochs_max=filled.epochs_needed), 0.5, data)
    assert enough.epochs_needed is None and enough.spec.budgets[-1] > 2 * filled.spec.budgets[-1]
    larger = replace(filled.spec, budgets=scaled(filled.spec, FINE), limits=LimitsSpec())
    assert not judge(make_plan(larger, data, Steady()), ()).complete and judge(plan, ()).curves == 5


@pytest.mark.slow
def test_hours_that_the_data_cannot_fill_stay_unfilled() -> None:
    filled, _ = fill(packaged("demo"), 50.0, facts(2_000_000))
    assert filled.hours == pytest.approx(0.75, rel=0.05)
    assert filled.spec.seeds == SeedsSpec(5, 8, 8), "as many repeats as are worth it"
    assert filled.epochs_needed is not None and filled.epochs_needed > 5


@pytest.mark.slow
def test_too_few_budgets_and_sizes_are_completed() -> None:
    filled, _ = fill(spec_of(budgets=(1e11,), sizes=SizesSpec(count=2)), 0.1)
    assert len(filled.spec.budgets) >= 3 and filled.spec.sizes.count == 7
    assert filled.spec.seeds.smallest_budget == 3
    explicit, _ = fill(spec_of(sizes=SizesSpec(params=tuple(range(20_000, 80_000, 10_000)))), 0.1)
    assert explicit.spec.sizes.params and not any("sizes" in entry for entry in explicit.overrides)


def test_few_hours_get_the_smallest_grid_and_fewer_are_refused_with_the_least() -> None:
    with pytest.raises(PlanError, match="no grid of this sweep gives a law in 1e-06 hours: the smallest") as caught:
        fill_hours(packaged("demo"), Steady(), 1e-6, facts=FACTS)
    least = float(str(caught.value).split()[-2])
    filled = fill_hours(packaged("demo"), Steady(), 1.2 * least, facts=FACTS)
    assert len(filled.spec.budgets) == 3
    for hours in (-1.0, 0.0, float("nan"), float("inf")):
        with pytest.raises(PlanError, match="must be a positive number"):
            fill_hours(packaged("demo"), Steady(), hours, facts=FACTS)


def test_a_sweep_that_can_run_nowhere_is_refused() -> None:
    with pytest.raises(PlanError, match="see the reasons of its dropped cells"):
        fill_hours(replace(packaged("demo"), recipe_overrides={"warmup": 0.9}), Steady(), 1.0, facts=FACTS)


def test_limits_are_lifted_for_the_search_and_kept_for_the_result() -> None:
    limits = LimitsSpec(flops=1e10, hours=1e-6, runs=3)
    assert fill_hours(replace(packaged("demo"), limits=limits), Steady(), 0.1, facts=FACTS).spec.limits == limits


@pytest.mark.slow
def test_the_choice_can_be_typed_as_overrides() -> None:
    filled, _ = fill(packaged("demo"), 0.1)
    assert load_sweep(to_yaml(packaged("demo")), filled.overrides) == filled.spec
    assert filled.to_dict() == {
        "wanted": 0.1,
        "hours": filled.hours,
        "overrides": list(filled.overrides),
        "widest_question": filled.reach,
        "epochs_needed": None,
    }
    assert replace(filled, reach=0.0).to_dict()["widest_question"] is None
