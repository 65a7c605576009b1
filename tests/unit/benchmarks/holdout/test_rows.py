"""Rows survive their CSV exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from benchmarks.holdout import rows
from tests.unit.benchmarks.holdout.made import ROW


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    nothing = float("nan")
    refused = replace(ROW, estimate=nothing, low=nothing, high=nothing, refused='no "law", none', run="3")
    frame = rows.to_frame([replace(ROW, flops=1 / 3e-19, confidence="high"), refused])
    rows.write(frame, tmp_path / "rows.csv")
    pd.testing.assert_frame_equal(rows.read(tmp_path / "rows.csv"), frame)


def test_no_rows_still_have_columns(tmp_path: Path) -> None:
    rows.write(rows.to_frame([]), tmp_path / "rows.csv")
    assert list(rows.read(tmp_path / "rows.csv")) == list(rows.to_frame([ROW]))
