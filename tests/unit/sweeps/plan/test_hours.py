"""Hours on a device that is not at hand, and the budgets that fill so many."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.devices import DEVICES
from model.config import ModelConfig, TrainConfig
from model.flops import flops_per_token_by
from sweeps.file import compose
from sweeps.file.spec import CentreSpec, LimitsSpec, SweepSpec
from sweeps.plan.hours import DeviceCost, fill_hours, hours_by_budget, tokens_needed, unlimited_data, wall_hours
from sweeps.plan.other_device import OtherDevice, corpus_needed
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts, PlanError
from sweeps.plan.utilisation import REACHED, assumed_mfu
from tokenizer.corpus import CorpusError

H100 = DEVICES["h100"]
SPEC = SweepSpec("t", (1e15, 2e15, 4e15), recipe="porian-olmo", centre=CentreSpec(tokens_per_param=20), context=512)
GPU = compose.load_sweep(Path(compose.__file__).parents[1] / "conf/gpu.yaml")
SHORT = compose.load_sweep(Path(compose.__file__).parents[1] / "conf/gpu-short.yaml")


def nowhere() -> DataFacts:
    raise CorpusError("corpus.paths: data does not exist")


def test_assumed_utilisation_passes_through_its_figures_and_never_exceeds_them() -> None:
    for point in REACHED:
        assert assumed_mfu(point.params) == pytest.approx(point.mfu)
        assert point.source
    sizes = [10 ** (4 + step / 5) for step in range(40)]
    shares = [assumed_mfu(size) for size in sizes]
    assert shares == sorted(shares)
    assert shares[0] < 0.01
    assert shares[-1] == REACHED[-1].mfu
    assert assumed_mfu(math.sqrt(17e6 * 124e6)) == pytest.approx(math.sqrt(0.19 * 0.38))


def test_published_figures_follow_from_their_tokens_a_second() -> None:
    # llm.c: 524,288 tokens in 140 ms on 8 H100, GPT-2 of 12 blocks, 768 wide, context 1,024, tied head.
    gpt2 = ModelConfig(50_257, 1024, 768, 12, 12, 3072, mlp="gelu", tied_head=True)
    rate = 524_288 / 0.140 / 8 * flops_per_token_by(gpt2)["full_attention"]
    assert rate / H100.peak == pytest.approx(0.38, abs=0.03)


def test_seconds_are_flops_over_peak_times_share() -> None:
    model = ModelConfig(1000, 128, 64, 2, 1, 128)
    train = TrainConfig(sequences=1000, batch=10, lr=1e-3)
    flops = 128_000 * flops_per_token_by(model)["full_attention"]
    assert DeviceCost(H100, 0.25).seconds(model, train) == pytest.approx(flops / (0.25 * 989.4e12))
    assert DeviceCost(H100).seconds(model, train) > DeviceCost(H100, 0.25).seconds(model, train)


@pytest.mark.parametrize("devices", [1, 2])
def test_budgets_are_scaled_until_they_fill_the_hours(devices: int) -> None:
    cost = DeviceCost(H100)
    filled = fill_hours(SPEC, cost, 3.0, devices, vocab=4096)
    plan = make_plan(filled, unlimited_data(filled, 4096), cost)
    assert wall_hours(plan, devices) == pytest.approx(3.0, rel=0.03)
    assert [b / filled.budgets[0] for b in filled.budgets] == pytest.approx([1, 2, 4], rel=0.01)
    rows = hours_by_budget(plan)
    assert [row.budget for row in rows] == list(filled.budgets)
    assert sum(row.device_hours for row in rows) == pytest.approx(plan.seconds / 3600)
    assert sum(row.runs for row in rows) == len(plan.runs)


def test_one_run_takes_one_device() -> None:
    plan = make_plan(SPEC, unlimited_data(SPEC), DeviceCost(H100))
    longest = max(run.seconds for run in plan.runs)
    assert wall_hours(plan, 1000) == pytest.approx(longest / 3600)
    assert wall_hours(make_plan(SPEC, unlimited_data(SPEC)), 1) is None


def test_limits_hold_for_the_result_and_impossible_hours_are_refused() -> None:
    strict = replace(SPEC, limits=LimitsSpec(flops=1e15))
    with pytest.raises(PlanError, match=r"limits\.flops"):
        OtherDevice(H100).plan(strict, nowhere, 1.0)
    with pytest.raises(PlanError, match="positive"):
        fill_hours(SPEC, DeviceCost(H100), -1, vocab=4096)
    with pytest.raises(PlanError, match="no budgets of this grid"):
        fill_hours(SPEC, DeviceCost(H100), 1e-9, vocab=4096)


def test_missing_corpus_is_assumed_and_told() -> None:
    there = OtherDevice(H100).plan(GPU, nowhere, None)
    assert not there.plan.dropped
    assert there.data.train_tokens == tokens_needed(GPU)
    assert max(run.epochs for run in there.plan.runs) == pytest.approx(GPU.epochs_max)
    assert "data does not exist: sweep gpu needs 1.5e+09 unique training tokens" in there.notes[-1]
    assert "about 6.4 GB of text" in corpus_needed(GPU)
    assert GPU.corpus.max_bytes >= 6.5e9
    assert any("not measured here" in note for note in there.notes)


def test_stated_utilisation_and_a_corpus_at_hand_are_used() -> None:
    there = OtherDevice(H100, 0.5, 2).plan(SPEC, lambda: DataFacts("d" * 64, 1024, 3_000_000, 200_000), None)
    assert any("epochs" in cell.reason for cell in there.plan.dropped)
    assert any("50% of 989.4 TFLOP/s" in note for note in there.notes)
    assert any("16-bit" in note for note in there.notes), "the sweep's numerics are fp32"


def test_packaged_gpu_sweeps_fit_their_time() -> None:
    for spec, hours in ((GPU, 24.0), (SHORT, 0.25)):
        there = OtherDevice(H100).plan(spec, nowhere, None)
        assert 0.7 * hours < wall_hours(there.plan, 1) < hours
        assert spec.numerics == "bf16"


def test_the_runs_of_a_recipe_check_take_their_hours_too() -> None:
    checked = replace(SPEC, recipe_check=True)
    plan = make_plan(checked, unlimited_data(checked), DeviceCost(H100))
    assert plan.checks and plan.seconds is not None
    assert sum(row.device_hours for row in hours_by_budget(plan)) == pytest.approx(plan.seconds / 3600)
    wall = wall_hours(plan, 4)
    assert wall is not None and wall >= plan.seconds / 3600 / 4
