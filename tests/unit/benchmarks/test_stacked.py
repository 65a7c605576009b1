"""The benchmark of stacks on a CPU: every way gives a row, the native kernels among them."""

from __future__ import annotations

import json

import pytest

from benchmarks import stacked


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "ways"),
    [
        (("--runs", "1,2"), [("single", 1), ("stacked", 1), ("stacked", 2), ("native", 1)]),
        (("--runs", "2", "--mixed"), [("single", 1), ("padded", 2), ("separate", 2), ("native", 1)]),
    ],
)
def test_every_way_has_a_row(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], ways: list[tuple[str, int]]
) -> None:
    assert stacked.main(["--device", "cpu", "--sizes", "odd", "--seconds", "0.01", *words]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert [(row["way"], row["runs"]) for row in report["rows"]] == ways
    assert all(row["speed"] > 0 for row in report["rows"]) and report["params"]["odd"] > 10_000
    assert "odd native 1 compiled=False:" in captured.err


def test_a_cpu_has_shapes_that_fill_no_vector() -> None:
    shape, tokens = stacked.CPU["odd"]
    assert all(size % 2 == 1 for size in (shape.vocab, shape.context, shape.n_layers, shape.d_ff))
    assert tokens % shape.context == 0
