"""Plans for a device that is not at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.devices import DEVICES
from sweeps.file import compose
from sweeps.file.spec import CentreSpec, LimitsSpec, SweepSpec
from sweeps.plan.hours import DeviceCost, tokens_needed, wall_hours
from sweeps.plan.other_device import OtherDevice, _format_bytes, corpus_needed
from sweeps.plan.records import DataFacts, PlanError
from tokenizer.corpus import CorpusError

H100 = DEVICES["h100"]


SPEC = SweepSpec("t", (1e15, 2e15, 4e15), recipe="porian-olmo", centre=CentreSpec(tokens_per_param=20), context=512)


GPU = compose.load_sweep(Path(compose.__file__).parents[1] / "conf/gpu.yaml")


SHORT = compose.load_sweep(Path(compose.__file__).parents[1] / "conf/gpu-short.yaml")


def nowhere() -> DataFacts:
    raise CorpusError("corpus.paths: data does not exist")


def test_missing_corpus_is_assumed_and_told() -> None:
    there = OtherDevice(H100).plan(GPU, nowhere, None)
    assert not there.plan.dropped
    assert there.data.train_tokens == tokens_needed(GPU)
    assert max(run.epochs for run in there.plan.runs) == pytest.approx(GPU.epochs_max)
    assert "data does not exist: sweep gpu needs 1.5 B unique training tokens" in there.notes[-1]
    assert "about 6.4 GB of text" in corpus_needed(GPU)
    assert [_format_bytes(size) for size in (48_900, 999_999.0, 1.25e6, 2e9, 4.2e12)] == [
        "49 kB", "1000 kB", "1.2 MB", "2 GB", "4200 GB",
    ]  # fmt: skip
    assert GPU.corpus.max_bytes >= 6.5e9
    assert any("not measured here" in note for note in there.notes)


def test_stated_utilisation_and_a_corpus_at_hand_are_used() -> None:
    there = OtherDevice(H100, 0.5, 2).plan(SPEC, lambda: DataFacts("d" * 64, 1024, 3_000_000, 200_000), None)
    assert any("epochs" in cell.reason for cell in there.plan.dropped)
    assert any("50% of 989.4 TFLOP/s" in note for note in there.notes)
    assert any("16-bit" in note for note in there.notes), "the sweep's numerics are fp32"


def test_packaged_gpu_sweeps_fit_their_time() -> None:
    # Of a quarter of an hour more than half goes into compilation, timing of implementations, and scoring.
    for spec, hours, least in ((GPU, 24.0, 0.7), (SHORT, 0.25, 0.35)):
        there = OtherDevice(H100).plan(spec, nowhere, None)
        assert least * hours < wall_hours(there.plan, 1) < hours
        assert spec.numerics == "bf16"


@pytest.mark.slow
def test_the_limits_of_a_sweep_hold_for_a_grid_that_fills_hours() -> None:
    strict = replace(SPEC, limits=LimitsSpec(flops=1e15))
    with pytest.raises(PlanError, match=r"limits\.flops"):
        OtherDevice(H100).plan(strict, nowhere, 1.0)


def test_hours_choose_the_grid_and_what_was_chosen_is_kept() -> None:
    there = OtherDevice(H100).plan(GPU, nowhere, 24.0)
    assert there.filled is not None and there.filled.spec == there.plan.spec
    assert wall_hours(there.plan, 1) == pytest.approx(there.filled.hours) == pytest.approx(24, rel=0.02)
    assert there.plan.spec.budgets != GPU.budgets and not there.plan.dropped
    assert OtherDevice(H100).plan(GPU, nowhere, None).filled is None
    assert OtherDevice(H100, 0.3).cost == DeviceCost(H100, 0.3)
