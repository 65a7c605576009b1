"""The GPU benchmark on tiny shapes and a CPU: one JSON with every size, failures among them."""

from __future__ import annotations

import json

import pytest

from benchmarks import gpu
from model.flops import count_parameters


@pytest.mark.slow
def test_every_size_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--device", "cpu", "--tiny", "--only", "1M,124M"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [row["size"] for row in report["sizes"]] == ["1M", "124M"]
    assert list(gpu.SIZES) == list(gpu.TINY) == ["1M", "5M", "17M", "50M", "124M"]
    assert all(row["mfu"] > 0 and row["numerics"] == "bf16" and not row["failed"] for row in report["sizes"])
    assert set(report["matmul_peak"]) == {"bf16", "fp32"}


@pytest.mark.slow
def test_muon_and_experts_are_measured_too(capsys: pytest.CaptureFixture[str]) -> None:
    ways = ("--optimizer", "muon", "--experts", "4", "--active", "2")
    assert gpu.main(["--device", "cpu", "--tiny", "--only", "1M", *ways]) == 0
    report = json.loads(capsys.readouterr().out)
    (row,) = report["sizes"]
    assert (report["optimizer"], report["experts"], report["active"]) == ("muon", 4, 2)
    assert row["params_total"] > 1.2 * row["params"] and not row["failed"]


def test_sizes_are_what_they_are_called() -> None:
    for name, (shape, tokens) in gpu.SIZES.items():
        assert count_parameters(shape).matmul == pytest.approx(float(name[:-1]) * 1e6, rel=0.12), name
        assert tokens % shape.context == 0


def test_failure_of_a_size_is_reported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(run, *_: object, **__: object):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(gpu, "profile", fail)
    assert gpu.main(["--device", "cpu", "--tiny"]) == 1
    assert "no such luck" in json.loads(capsys.readouterr().out)["sizes"][0]["error"]
    assert gpu.main(["--device", "cpu", "--tiny", "--seconds", "-1"]) == 1
    assert all("left out" in row["error"] for row in json.loads(capsys.readouterr().out)["sizes"])


def test_a_size_whose_peak_was_not_measured_has_a_line() -> None:
    row = {"tokens_per_second": 12_345.6, "mfu": None, "wall_seconds": 3.0}
    assert gpu.summary(row) == "12,346 tokens/s, MFU unknown, 3 s in all"
    assert gpu.summary(row | {"mfu": 0.25}) == "12,346 tokens/s, MFU 25.0%, 3 s in all"
