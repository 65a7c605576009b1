"""Hours by budget on a device, and the data that a sweep needs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.devices import DEVICES
from model.config import ModelConfig, TrainConfig
from model.flops import flops_per_token_by
from sweeps.file.spec import CentreSpec, SweepSpec
from sweeps.plan.hours import DeviceCost, hours_by_budget, unlimited_data, wall_hours
from sweeps.plan.plan import make_plan

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
