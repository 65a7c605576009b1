"""Hours by budget on a device, and the data that a sweep needs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from analysis.devices import DEVICES
from model.config import ModelConfig, TrainConfig
from model.flops import flops_per_token_by
from sweeps.file.spec import CentreSpec, LimitsSpec, SeedsSpec, SweepSpec
from sweeps.plan.hours import DeviceCost, hours_by_budget, tokens_needed, unlimited_data, wall_hours
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts
from tests.unit.sweeps.plans import FACTS, Steady, spec_of

H100 = DEVICES["h100"]


SPEC = SweepSpec("t", (1e15, 2e15, 4e15), recipe="porian-olmo", centre=CentreSpec(tokens_per_param=20), context=512)


def test_seconds_are_flops_over_peak_times_share() -> None:
    model = ModelConfig(1000, 128, 64, 2, 1, 128)
    train = TrainConfig(sequences=1000, batch=10, lr=1e-3)
    flops = 128_000 * flops_per_token_by(model)["full_attention"]
    assert DeviceCost(H100, 0.25).seconds(model, train) == pytest.approx(flops / (0.25 * 989.4e12))
    assert DeviceCost(H100).seconds(model, train) > DeviceCost(H100, 0.25).seconds(model, train)


def test_one_run_takes_one_device() -> None:
    plan = make_plan(SPEC, unlimited_data(SPEC), DeviceCost(H100))
    longest = max(run.seconds for run in plan.runs)
    assert wall_hours(plan, 1000) == pytest.approx(longest / 3600)
    assert wall_hours(make_plan(SPEC, unlimited_data(SPEC)), 1) is None


def test_the_runs_of_a_recipe_check_take_their_hours_too() -> None:
    checked = replace(SPEC, recipe_check=True)
    plan = make_plan(checked, unlimited_data(checked), DeviceCost(H100))
    assert plan.checks and plan.seconds is not None
    assert sum(row.device_hours for row in hours_by_budget(plan)) == pytest.approx(plan.seconds / 3600)
    wall = wall_hours(plan, 4)
    assert wall is not None and wall >= plan.seconds / 3600 / 4


def test_a_budgets_row_has_its_runs_flops_and_hours() -> None:
    plan = make_plan(spec_of(seeds=SeedsSpec(1, 3, 2)), FACTS, Steady())
    rows = hours_by_budget(plan)
    assert [(row.budget, row.runs) for row in rows] == [(1e11, 9), (3e11, 7), (1e12, 8)]
    for row in rows:
        assert row.flops == pytest.approx(row.runs * row.budget, rel=0.01)
        assert row.device_hours == pytest.approx(row.flops / 1e10 / 3600)
    assert hours_by_budget(make_plan(spec_of(), FACTS)) == ()
    assert wall_hours(plan, 2) == pytest.approx((plan.seconds or 0) / 2 / 3600)


def test_a_device_has_the_memory_of_its_data_sheet() -> None:
    assert DeviceCost(H100).gpu_memory == 80 * 10**9


def test_needed_tokens_are_those_of_the_longest_run_over_its_passes() -> None:
    longest = max(run.tokens for run in make_plan(spec_of(), FACTS).runs)
    assert tokens_needed(spec_of()) == longest
    assert tokens_needed(spec_of(epochs_max=4.0)) == math.ceil(longest / 4)
    assert tokens_needed(spec_of(limits=LimitsSpec(flops=1.0))) == longest, "limits are no matter here"
    assert tokens_needed(spec_of(recipe_overrides={"warmup": 0.9})) == 0
    known = DataFacts("d", 300, 10, 10)
    assert (unlimited_data(spec_of()).vocab, unlimited_data(spec_of(), known).vocab) == (1024, 300)
