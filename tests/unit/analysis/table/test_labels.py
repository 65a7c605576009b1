"""Labels: which runs share a budget, a size or a trunk."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.records import LawError
from analysis.table.labels import FAR_FROM_BUDGET, budgets_of, codes, sizes_of, trunks_of
from tests.unit.analysis.table.frames import frame


def test_equal_values_share_a_code_in_the_order_of_their_first() -> None:
    assert codes(pd.Series(["b", "a", "b"])).tolist() == [0, 1, 0]


def test_budgets_are_those_of_their_column_or_of_gaps() -> None:
    data = frame()
    labels, budgets, notes = budgets_of(data, data["flops"].to_numpy())
    assert budgets == pytest.approx([1e18, 3e18, 1e19]) and notes == []
    assert labels.tolist() == np.repeat([0, 1, 2], 5).tolist()
    named = data.assign(budget=data.flops * 1.1)
    assert budgets_of(named, data["flops"].to_numpy())[1] == pytest.approx([1.1e18, 3.3e18, 1.1e19])
    assert "more than FLOPs" in budgets_of(data.assign(budget="small"), data["flops"].to_numpy())[2][0]


@pytest.mark.parametrize("factor", [FAR_FROM_BUDGET * 1.01, 1 / (FAR_FROM_BUDGET * 1.01)])
def test_a_run_far_from_its_budget_is_refused_by_row(factor: float) -> None:
    data = frame()
    data["budget"] = data.flops
    data.loc[4, "budget"] *= factor
    with pytest.raises(LawError, match="column budget: row 4 cost over 2 times more or less"):
        budgets_of(data, data["flops"].to_numpy())


def test_runs_without_a_gap_are_taken_together_with_a_warning() -> None:
    flops = np.geomspace(1e18, 2e18, 12)
    (note,) = budgets_of(pd.DataFrame({"flops": flops}), flops)[2]
    assert note.startswith("No gaps in the FLOPs separate the budgets: runs within ×1.5")


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_budgets_of_few_runs_are_called_so_and_not_without_gaps(runs: int) -> None:
    """Exact budgets three times apart were said not to be separated by gaps."""
    flops = np.repeat([1e18, 3e18, 1e19, 3e19, 1e20], runs)
    labels, budgets, (note,) = budgets_of(pd.DataFrame({"flops": flops}), flops)
    assert budgets == pytest.approx([1e18, 3e18, 1e19, 3e19, 1e20]) and len(set(labels)) == 5
    assert note.startswith("Most budgets have fewer than 4 runs; a curve needs five sizes at each.")


def test_sizes_are_named_or_equal_numbers() -> None:
    data = pd.DataFrame({"params": [1e8, 1e8 * (1 + 1e-9), 2e8]})
    assert sizes_of(data, data.params.to_numpy()).tolist() == [0, 0, 1]
    assert sizes_of(data.assign(size_id=["x", "y", "x"]), data.params.to_numpy()).tolist() == [0, 1, 0]
    assert sizes_of(data.assign(size_id=["x", "y", None]), data.params.to_numpy()).tolist() == [0, 0, 1]


def test_trunks_are_shared_by_name_and_nobody_shares_none() -> None:
    assert trunks_of(pd.DataFrame({"trunk": ["a", None, "a", "", "b"]})).tolist() == [0, 1, 0, 2, 3]
    assert trunks_of(pd.DataFrame({"x": [1, 2]})).tolist() == [0, 1]
