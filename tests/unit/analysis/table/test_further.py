"""Further runs joined to a table: labels go on, repeats are recognised, and the table stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.table.further import FurtherRuns, joined
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import sweep, table


def further(*rows: tuple[float, float, float, float]) -> FurtherRuns:
    """Runs as rows of budget, N, D and loss."""
    return FurtherRuns(*np.array(rows).T)


def test_runs_come_behind_the_table_s_own() -> None:
    before = table()
    digest, count = before.digest, len(before)
    after = joined(before, further((3e20, 1e9, 5e10, 2.3), (3e20, 2e9, 2.5e10, 2.35)))
    assert len(after) == count + 2 and after.select(np.arange(count + 2) < count) == before
    assert after.loss[-2:].tolist() == [2.3, 2.35] and after.flops[-2:].tolist() == [3e20, 3e20]
    assert after.budgets.tolist() == [*before.budgets.tolist(), 3e20]
    assert after.budget[-2:].tolist() == [5, 5]
    assert after.names[-2:] == ("further run 1", "further run 2")
    assert (before.digest, len(before)) == (digest, count)


def test_a_budget_between_others_moves_their_labels_along() -> None:
    before = table(budgets=(1e18, 1e19, 1e20))
    after = joined(before, further((3e18, 1e8, 5e9, 3.0)))
    assert after.budgets.tolist() == pytest.approx([1e18, 3e18, 1e19, 1e20])
    assert np.array_equal(after.budgets[after.budget][:-1], before.budgets[before.budget])


def test_a_repeat_shares_size_and_cell_but_no_trunk() -> None:
    before = table()
    run = 10
    same = (float(before.budgets[before.budget[run]]), float(before.params[run]), float(before.tokens[run]), 2.9)
    after = joined(before, further(same, (same[0], same[1] * 1.5, same[2] / 1.5, 3.0), (3e20, same[1] * 1.5, 1e9, 3.1)))
    again, other, elsewhere = range(len(before), len(before) + 3)
    assert after.size[again] == after.size[run] and after.repeat[again] == after.repeat[run]
    assert after.size[other] == after.size[elsewhere] not in before.size
    assert len({after.repeat[run], after.repeat[other], after.repeat[elsewhere]}) == 3
    assert len(set(after.trunk.tolist())) == len(after)


def test_sizes_that_the_data_names_keep_their_names() -> None:
    frame = sweep()
    frame["size_id"] = [f"s{index % 7}" for index in range(len(frame))]
    before = RunTable.from_frame(frame)
    after = joined(before, further((1e20, float(before.params[3]), 1e10, 2.5)))
    assert after.size[-1] == before.size[3]
    assert np.array_equal(after.size[:-1], before.size)
