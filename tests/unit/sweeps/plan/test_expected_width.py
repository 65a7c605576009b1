"""The intervals that a planned grid promises, and how far they are useful."""

from __future__ import annotations

import pytest

from analysis.answers.expected import ExpectedWidth
from sweeps.file.spec import SweepSpec
from sweeps.plan import expected_width
from sweeps.plan.combination import Combination
from sweeps.plan.expected_width import MULTIPLES, Expected, KnownNoise, expect
from sweeps.plan.plan import make_plan
from tests.unit.sweeps.plans import FACTS, packaged, spec_of


def test_a_plan_has_an_interval_to_expect_or_the_reason_why_it_has_none() -> None:
    plan = make_plan(SweepSpec(name="t", budgets=(1e11, 3e11, 1e12), vary={"lr": [0.5, 0.6]}), FACTS)
    first, second = expect(plan)
    assert first.vary == Combination.of({"lr": 0.5}) and first.widths == second.widths
    near, far = first.shown
    assert (near.multiple, far.multiple) == (10, 100)
    assert 1 < near.params_factor < far.params_factor and 0 < near.loss < far.loss
    assert tuple(width.multiple for width in first.widths) == MULTIPLES
    (hopeless,) = expect(make_plan(SweepSpec(name="t", budgets=(1e11, 3e11)), FACTS))
    assert hopeless.widths == () and "at least 3" in hopeless.refusal
    assert expect(make_plan(SweepSpec(name="t", budgets=(1e9,), context=4096), FACTS)) == ()


def test_more_noise_makes_wider_intervals_that_reach_less_far() -> None:
    plan = make_plan(packaged("cpu"), FACTS)
    (quiet,), (loud,) = expect(plan), expect(plan, KnownNoise(0.05, "measured"))
    assert loud.shown[0].loss > quiet.shown[0].loss and loud.shown[0].params_factor > quiet.shown[0].params_factor
    assert loud.reach < quiet.reach


def test_equal_grids_are_simulated_once_and_no_more_than_three_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def simulate(runs: object, sigma: float) -> tuple[tuple[()], str]:
        seen.append(sigma)
        return (), "no"

    monkeypatch.setattr(expected_width, "_simulate", simulate)
    equal = make_plan(spec_of(vary={"qk_norm": [True, False]}), FACTS)
    assert len(expect(equal, KnownNoise(0.5, ""))) == 2 and seen == [0.5]
    unequal = make_plan(spec_of(vary={"layers": [1, 2, 3, 4, 5]}), FACTS)
    assert [one.vary.label for one in expect(unequal)] == ["layers=1", "layers=2", "layers=3"]


def width(multiple: float, factor: float, loss: float) -> ExpectedWidth:
    return ExpectedWidth(multiple, factor, loss)


def test_reach_ends_before_the_first_width_that_is_too_wide() -> None:
    good, wide = width(1.0, 1.5, 0.1), width(10.0, 1.51, 0.01)
    assert Expected(Combination(), (good, wide)).reach == 1.0
    assert Expected(Combination(), (good, width(10.0, 1.1, 0.101), width(100.0, 1.1, 0.01))).reach == 1.0
    assert Expected(Combination(), (good, width(10.0, 1.1, 0.05))).reach == 10.0
    assert Expected(Combination(), (wide,)).reach == 0.0


def test_json_has_the_shown_widths_and_the_refusal() -> None:
    one = Expected(Combination.of({"lr": 1}), (width(1.0, 1.1, 0.1), width(10.0, 1.2, 0.2)))
    shown = {"multiple": 10.0, "params_factor": 1.2, "loss": 0.2}
    assert one.to_dict() == {"vary": {"lr": 1}, "widths": [shown], "refusal": None}
    assert Expected(Combination(), (), "why").to_dict() == {"vary": {}, "widths": [], "refusal": "why"}
