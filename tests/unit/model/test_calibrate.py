"""Calibration: the JSON that planning reads."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from model import calibrate
from model.arrangements import Arranged
from model.evaluate import evaluation_batch
from model.implementation import Implementation
from model.training import Training
from tests.unit.model.model_data import CHOSEN, CPU, SHAPE


def test_command_answers_in_the_order_of_the_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(calibrate, "SHAPE_SECONDS", 0.01)
    monkeypatch.setattr(calibrate, "SCORING_SECONDS", 0.01)
    large = dataclasses.replace(SHAPE, d_model=128, n_heads=8, d_ff=512, mlp="gelu")
    request = {"shapes": [{"model": dataclasses.asdict(shape), "batch": 2} for shape in (SHAPE, large)]}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(request)))
    calibrate.main()
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {field.name for field in dataclasses.fields(calibrate.Calibration)}
    assert answer["device"] == "cpu"
    assert answer["matmul_flops"] > 1e8
    assert answer["step_seconds"][1] > answer["step_seconds"][0] > 0
    assert answer["evaluation_token_seconds"][1] > answer["evaluation_token_seconds"][0] > 0
    assert [choice["branches"] for choice in answer["implementations"]] == [
        CHOSEN,
        "autograd",
    ]


def test_a_request_may_name_an_optimizer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(
        calibrate,
        "_training",
        lambda *arguments: asked.append(arguments) or SimpleNamespace(implementation=Implementation()),
    )
    for name in ("_step_seconds", "_evaluation_seconds", "matmul_peak"):
        monkeypatch.setattr(calibrate, name, lambda *_: 1.0)
    for options in ({}, {"optimizer": "muon", "numerics": "bf16"}):
        request = {"shapes": [{"model": dataclasses.asdict(SHAPE), "batch": 2}], **options}
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(request)))
        calibrate.main()
    assert [arguments[3:] for arguments in asked] == [("fp32", "adamw"), ("bf16", "muon")]
    assert capsys.readouterr().out


def test_a_request_may_ask_for_arrangements(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = calibrate.Calibration("cpu", "cpu", "", 1, "fp32", 1.0, (0.1,), (0.1,), ())
    monkeypatch.setattr(calibrate, "measure", lambda *_, **__: made)
    asked: list[tuple[object, ...]] = []

    def arranged(*arguments: object, **options: object) -> tuple[tuple[Arranged, ...], ...]:
        asked.append((*arguments, options))
        return ((Arranged(2, 1, 0.5),),)

    monkeypatch.setattr(calibrate, "arranged", arranged)
    request = {"shapes": [{"model": dataclasses.asdict(SHAPE), "batch": 2}], "optimizer": "muon"}
    for more in ({}, {"arrangements": True}):
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(request | more)))
        calibrate.main()
    answers = [json.loads(line)["arrangements"] for line in capsys.readouterr().out.splitlines()]
    assert answers == [[], [[{"processes": 2, "stacked": 1, "step_seconds": 0.5}]]]
    assert asked == [([(SHAPE, 2)], {"optimizer": "muon"})]


def test_figures_are_those_of_a_step_and_of_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Medians of steps on whole sequences, and of scoring by the token."""
    asked: list[float] = []

    def times(work: Callable[[], object], device: torch.device, seconds: float) -> list[float]:
        asked.append(seconds)
        work()
        return [9.0, 4.0, 5.0]

    monkeypatch.setattr(calibrate, "times", times)
    monkeypatch.setattr(calibrate, "matmul_peak", lambda device, numerics: (device, numerics))
    rows: list[tuple[int, ...]] = []
    take_step = Training.take_step

    def watched(training: Training, sequences: torch.Tensor) -> None:
        rows.append(tuple(sequences.shape))
        take_step(training, sequences)

    monkeypatch.setattr(Training, "take_step", watched)
    made = calibrate.measure([(SHAPE, 3)], "cpu", "bf16")
    assert asked == [calibrate.SHAPE_SECONDS, calibrate.SCORING_SECONDS] == [0.8, 0.2]
    assert rows == [(3, SHAPE.context + 1)]
    assert made.step_seconds == (5.0,)
    scored = evaluation_batch(SHAPE.context, CPU) * SHAPE.context
    assert made.evaluation_token_seconds == (5.0 / scored,)
    assert (made.matmul_flops, made.threads, made.numerics, made.device) == (("cpu", "bf16"), 1, "bf16", "cpu")
    assert made.implementations == (Implementation(),), "as a short run computes it, never compiled"
