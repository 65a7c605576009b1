"""Calibration: the JSON that planning reads."""

from __future__ import annotations

import dataclasses
import io
import json

import pytest

from model import calibrate
from tests.unit.model.model_data import CHOSEN, SHAPE


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
