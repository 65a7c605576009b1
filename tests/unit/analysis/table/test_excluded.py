"""Rows left out are named with their reason."""

from __future__ import annotations

import pandas as pd

from analysis.table.excluded import ExcludedRow, describe_excluded
from analysis.table.table import RunTable
from tests.unit.analysis.table.frames import frame


def test_runs_equal_but_for_rounding_are_one() -> None:
    table = RunTable.from_frame(pd.concat([frame(), frame().assign(loss=lambda d: d.loss * (1 + 1e-10))]))
    assert len(table) == 15
    assert "row 16, row 17, row 18, row 19, row 20 and 10 more" in describe_excluded(table.excluded)


def test_a_run_that_blew_up_is_left_out_by_name() -> None:
    table = RunTable.from_frame(frame().assign(loss=lambda d: d.loss.where(d.index != 3, 1e6)))
    assert len(table) == 14
    assert describe_excluded(table.excluded).startswith("1 row was left out: row 4 (its loss is over 100 times")


def test_rows_of_one_reason_are_named_together_and_many_are_counted() -> None:
    def row(run: str, reason: str) -> ExcludedRow:
        return ExcludedRow(run, None, None, None, reason)

    assert describe_excluded([]) == ""
    assert describe_excluded([row("a", "state is failed")]) == "1 row was left out: a (state is failed)."
    rows = [row("a", "x"), row("b", "y"), row("c", "x")]
    assert describe_excluded(rows) == "3 rows were left out: a, c (x); b (y)."
    seven = [row(f"r{i}", "x") for i in range(7)]
    assert describe_excluded(seven) == "7 rows were left out: r0, r1, r2, r3, r4 and 2 more (x)."
    assert describe_excluded(seven[:5]).endswith("r3, r4 (x).")
