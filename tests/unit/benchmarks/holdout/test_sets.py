"""Which files are sets, and where they are cut."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.fitting.local_minima import LocalMinimum
from analysis.records import LawError
from benchmarks.holdout.sets import Cut, cuts, files, load, validation_runs
from tests.unit.analysis.law_tables import sweep
from tests.unit.benchmarks.holdout.made import BUDGETS, saved

SOME = LocalMinimum(20.0, 3.0, 0.1, 0.01)


def test_cuts_lie_before_each_budget_with_a_truth_from_the_fourth_on() -> None:
    assert cuts([SOME, None, SOME, SOME, None, SOME, SOME]) == [Cut(5, 3), Cut(6, 4)]


def test_budgets_without_a_truth_after_the_last_are_for_single_runs() -> None:
    assert cuts([SOME, SOME, SOME, None, None]) == [Cut(3, 3)]
    assert cuts([SOME, SOME, None]) == []


def test_a_folder_is_its_csv_files_by_name(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in files([tmp_path])] == ["a.csv", "b.csv"]
    assert files([tmp_path / "c.txt"]) == [tmp_path / "c.txt"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(LawError, match="no CSV file"):
        files([tmp_path / "empty"])


def test_a_set_has_a_truth_for_each_budget_and_its_validation_runs_apart(tmp_path: Path) -> None:
    frame = sweep(budgets=BUDGETS, noise=0.002).assign(role="grid")
    frame.loc[3, "role"] = "validation"
    frame.to_csv(tmp_path / "made.csv", index=False)
    found = load(tmp_path / "made.csv")
    assert found.name == "made"
    assert found.usable == [0, 1, 2, 3, 4]
    assert len(found.table) == len(frame) - 1
    assert found.validation.loss.tolist() == pytest.approx([frame.loss[3]])


def test_a_table_without_roles_has_no_validation_runs(tmp_path: Path) -> None:
    assert len(load(saved(tmp_path)).validation) == 0
    assert len(validation_runs(pd.DataFrame({"role": ["validation"], "loss": [3.0]}))) == 0
