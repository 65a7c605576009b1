"""The command: a folder of sets, rows kept and read again, a page filled, what gives nothing skipped with a reason."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmarks import fit_holdout
from benchmarks.fit_holdout import PART, main
from benchmarks.pages import marks, part
from tests.unit.benchmarks.holdout.made import saved
from tests.unit.benchmarks.holdout.test_tables import cells


def test_a_folder_with_a_set_one_too_small_and_one_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved(tmp_path)
    saved(tmp_path, "small.csv", budgets=(1e18, 1e19, 1e20))
    (tmp_path / "broken.csv").write_text("a,b\n1,2\n")
    main([str(tmp_path), "--only", "budgets", "--out", str(tmp_path / "rows.out")])
    shown = capsys.readouterr()
    assert "broken.csv: skipped" in shown.err
    assert "small.csv: no forecast of a budget: that takes four budgets with a minimum" in shown.err
    assert cells(shown.out)["made"][0] == "3"
    assert set(pd.read_csv(tmp_path / "rows.out").data) == {"made"}


def test_rows_are_compared_with_earlier_ones_without_a_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = str(tmp_path / "rows.out")
    main([str(saved(tmp_path)), "--only", "budgets", "--out", rows])
    capsys.readouterr()
    monkeypatch.setattr(fit_holdout, "tasks", None)
    main(["--rows", rows, "--against", rows])
    shown = capsys.readouterr().out
    assert shown.endswith("\n")
    assert cells(shown[shown.index("| data | N\\*: forecasts") :])["**all sets**"][:3] == ["3", "1.00", "1.00"]


@pytest.mark.slow
def test_single_runs_and_processes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path, budgets=(1e18, 1e19, 1e20))
    main([str(path), "--only", "runs", "--jobs", "2"])
    assert cells(capsys.readouterr().out)["made"][0] == "21"


def test_the_tables_are_put_into_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text("\n".join(["before", *marks(PART), "after"]))
    main([str(saved(tmp_path)), "--only", "budgets", "--write", str(page)])
    assert part(page, PART) == capsys.readouterr().out.strip()


def test_nothing_to_forecast_says_so(tmp_path: Path) -> None:
    path = saved(tmp_path, budgets=(1e18, 1e19))
    with pytest.raises(SystemExit, match="no forecast"):
        main([str(path), "--only", "budgets"])
