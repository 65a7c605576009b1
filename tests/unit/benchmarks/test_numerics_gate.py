"""The gate of a faster numerics profile: its verdict, and that a broken profile fails it in real training."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from analysis.fitting import interval
from benchmarks import numerics_gate as gate
from model.training import Training

TINY = (
    *("--seeds", "2", "--steps", "40", "--batch", "4", "--context", "32"),
    *("--widths", "8", "24", "--vocab", "64", "--validation", "4096"),
)


def pair(params: int, differences: tuple[float, ...]) -> gate.Difference:
    return gate.Difference(params, tuple((4.0, 4.0 + d) for d in differences))


NOISE = (-0.001, 0.0, 0.001, 0.0005, -0.0005)


@pytest.mark.parametrize(
    ("small", "large", "passes"),
    [
        (0.0, 0.0, True),
        (0.003, 0.003, True),  # the same everywhere moves no optimum
        (0.01, 0.01, False),  # more than a size ×1.2 off costs
        (-0.01, -0.01, False),
        (-0.004, 0.004, True),  # moves N* by 2.2 %
        (math.inf, 0.0, False),
    ],
)
def test_the_verdict(small: float, large: float, passes: bool) -> None:
    made = gate.verdict(
        pair(20_000, tuple(small + n for n in NOISE)), pair(50_000, tuple(large + n for n in NOISE)), 0.19
    )
    assert made["passes"] == passes
    assert made["allowed_difference"] == pytest.approx(0.19 * math.log(1.2) ** 2)


def test_the_shift_is_that_of_a_parabola_s_minimum() -> None:
    tilt = gate.verdict(pair(20_000, NOISE), pair(40_000, tuple(0.006 + n for n in NOISE)), 0.05)
    assert tilt["optimum"]["log_shift"] == pytest.approx(-0.006 / math.log(2) / (2 * 0.05))
    assert not tilt["optimum"]["passes"] and not tilt["passes"]
    noisy = gate.verdict(pair(20_000, (-0.02, 0.02, 0.0)), pair(40_000, NOISE), 0.19)
    assert not noisy["passes"], "what is not known well enough does not pass"


def test_the_quantile_is_students() -> None:
    for freedom in (1, 2, 4, 9, 30):
        assert gate.student(freedom) == pytest.approx(float(interval.student(freedom)), rel=1e-3)


@pytest.mark.slow
def test_the_same_arithmetic_passes_and_lost_bits_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A profile that keeps its weights in 3 bits of mantissa loses small updates; fp32 against itself loses nothing."""
    assert gate.main(["--profile", "fp32", *TINY]) == 0
    report = json.loads(capsys.readouterr().out)
    assert all(size["difference"] == 0 for size in report["sizes"])
    update = Training.update

    def lossy(training: Training, loss: torch.Tensor) -> None:
        update(training, loss)
        if training.run.train.numerics == "bf16":
            with torch.no_grad():
                for weight in training.parameters:
                    weight.copy_(weight.to(torch.float8_e4m3fn).float())

    monkeypatch.setattr(Training, "update", lossy)
    assert gate.main(["--profile", "bf16", *TINY]) == 1
    report = json.loads(capsys.readouterr().out)
    assert not report["passes"] and min(size["difference"] for size in report["sizes"]) > 0


def test_the_curvature_comes_from_a_law(tmp_path: Path) -> None:
    curves = [
        {"parabola": [4.0, 0.0, 0.2], "minima": [{"estimator": "parabola"}]},
        {"parabola": [3.9, 0.0, 0.1], "minima": [{"estimator": "parabola"}, {"estimator": "cubic"}]},
        {"parabola": [3.8, 0.0, 0.01], "minima": []},
    ]
    (tmp_path / "fit.json").write_text(json.dumps({"curves": curves}))
    assert gate.curvature_of(tmp_path / "fit.json") == 0.1
    (tmp_path / "fit.json").write_text(json.dumps({"curves": curves[2:]}))
    with pytest.raises(SystemExit, match="no curve"):
        gate.curvature_of(tmp_path / "fit.json")
