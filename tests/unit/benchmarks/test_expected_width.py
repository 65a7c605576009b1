"""The comparison of expected widths with those that came takes sub-tables and medians as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import expected_width
from benchmarks.expected_width import PART, compare, report, tables
from benchmarks.pages import marks, part
from tests.unit.analysis.law_tables import sweep, table


def test_the_first_budgets_and_the_whole_table_are_compared(tmp_path: Path) -> None:
    path = tmp_path / "six.csv"
    sweep(budgets=tuple(np.geomspace(1e18, 1e20, 6))).to_csv(path, index=False)
    found = list(tables(path))
    assert [count for count, _ in found] == [3, 4, 5, 6]
    assert [len(part.budgets) for _, part in found] == [3, 4, 5, 6]


@pytest.mark.slow
def test_each_noise_and_multiple_has_a_ratio_and_exact_tables_none() -> None:
    rows = compare("one", 5, table(noise=0.01))
    assert [(row.noise, row.multiple) for row in rows] == [("usual", 3), ("usual", 10), ("own", 3), ("own", 10)]
    assert np.isfinite([(row.params, row.loss) for row in rows]).all()
    assert compare("exact", 5, table(noise=0.0)) == []


def made() -> pd.DataFrame:
    """Rows of three tables of one set."""
    rows = [
        ("a", budgets, noise, multiple, np.log(ratio), 0.0)
        for budgets, ratio in ((3, 1.0), (4, 2.0), (5, 8.0))
        for noise in ("usual", "own")
        for multiple in (3.0, 10.0)
    ]
    return pd.DataFrame(rows, columns=["data", "budgets", "noise", "multiple", "params", "loss"])


def test_the_report_has_medians_of_ratios_over_tables() -> None:
    lines = report(made()).splitlines()
    assert lines[2].startswith("| a | 3 | 2.00 (÷× 2.00) | 1.00 (÷× 1.00) |")
    assert lines[4].startswith("| **from 5 on** | 1 | 8.00 (÷× 1.00) |")


def test_rows_of_earlier_calls_are_reported_together_and_put_into_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, first, second = tmp_path / "page.md", tmp_path / "first.csv", tmp_path / "second.csv"
    page.write_text("\n".join(marks(PART)))
    made().to_csv(first, index=False)
    made().assign(data="b").to_csv(second, index=False)
    monkeypatch.setattr("sys.argv", ["widths", "--rows", str(first), str(second), "--write", str(page)])
    expected_width.main()
    lines = part(page, PART).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:4]] == ["| a", "| b"]
    assert lines[-1].startswith("| **all** | 6 | ")
