"""The profile of a training step: its figures fit together, and its parts add up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from model import peak
from model.config import RunConfig, TrainConfig
from model.cpu import build
from model.flops import flops_per_token, flops_per_token_by
from model.implementation import Implementation
from model.profile import COMPONENTS, profile
from tests.unit.model.model_data import SHAPE

KINDS = [
    Implementation(),
    Implementation(head="chunked"),
    Implementation(branches="handwritten"),
    *([Implementation(branches="native")] if build.compiler() else []),
]


@pytest.mark.parametrize("implementation", KINDS)
def test_parts_of_a_step(implementation: Implementation, tmp_path: Path) -> None:
    run = RunConfig(SHAPE, TrainConfig(sequences=400, batch=4, lr=0.01), "")
    file = tmp_path / "trace.json"
    measured = profile(run, implementation=implementation, seconds=0.05, trace=file)
    assert measured.tokens_per_second == pytest.approx(4 * 32 / measured.step_seconds)
    assert measured.flops_per_second == pytest.approx(measured.tokens_per_second * flops_per_token(SHAPE))
    full = measured.tokens_per_second * flops_per_token_by(SHAPE)["full_attention"]
    assert measured.mfu == pytest.approx(full / measured.matmul_peak)
    assert measured.mfu < 1
    assert set(measured.seconds) == set(COMPONENTS) - {"block"}
    assert all(measured.seconds[name] > 0 for name in ("embedding", "attention", "mlp", "head", "optimizer", "data"))
    assert sum(measured.seconds.values()) == pytest.approx(measured.traced_step_seconds, rel=0.05)
    assert json.loads(file.read_text())["traceEvents"]


@pytest.mark.parametrize("implementation", KINDS)
def test_most_of_a_step_belongs_to_a_component(implementation: Implementation) -> None:
    """Traced up to ten times, because an operation that is interrupted may look like any share of a step."""
    run = RunConfig(SHAPE, TrainConfig(sequences=400, batch=4, lr=0.01), "")
    traced = (profile(run, implementation=implementation, seconds=0.01) for _ in range(10))
    assert any(each.seconds["other"] < 0.3 * each.traced_step_seconds for each in traced)


def test_a_step_faster_than_the_peak_has_no_utilisation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peak is measured with the threads of the step, again and again, and was too slow each time."""
    asked: list[int] = []
    monkeypatch.setattr(peak, "_measured", {})
    monkeypatch.setattr(peak, "_rate", lambda *_: asked.append(torch.get_num_threads()) or 1e3)
    run = RunConfig(SHAPE, TrainConfig(sequences=400, batch=4, lr=0.01), "")
    measured = profile(run, implementation=Implementation(threads=2), seconds=0.01)
    assert measured.mfu is None and measured.matmul_peak == 1e3
    assert asked == [2] * len(peak.PEAK_SIZES["cpu"])
