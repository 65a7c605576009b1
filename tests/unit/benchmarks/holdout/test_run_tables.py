"""The table of single runs, of made rows."""

from __future__ import annotations

from benchmarks.holdout.rows import to_frame
from benchmarks.holdout.run_tables import single_runs
from benchmarks.holdout.scores import scored
from tests.unit.benchmarks.holdout.made import rows
from tests.unit.benchmarks.holdout.test_tables import NAN, cells


def test_runs_inside_and_beyond_by_set_confidence_and_factor() -> None:
    made = rows(
        kind=["inside", "inside", "beyond", "beyond"],
        quantity=["loss"] * 4,
        estimate=[3.0, 3.0, 3.0, NAN],
        low=[2.9] * 4,
        high=[3.1] * 4,
        truth=[3.05, 3.15, 3.02, 3.0],
        factor=[1.0, 1.0, 4.0, 12.0],
        confidence=["high", "medium", "high", ""],
        run=list("abcd"),
    )
    found = cells(single_runs(scored(to_frame(made))))
    assert found["one"] == ["2", "0", "0.50", "100.0", "100.0", "2", "1", "1.00", "100.0", "20.0"]
    assert found["**all**"] == found["one"]
    assert found["medium confidence"][:3] == ["1", "0", "0.00"]
    assert found["×3 to ×10"] == ["–"] * 5 + ["1", "0", "1.00", "100.0", "20.0"]
    assert found["beyond ×10"][5:] == ["1", "1", "–", "–", "–"]
