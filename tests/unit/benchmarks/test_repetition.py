"""The forecasts of runs that repeat tokens, on a simulated table."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import repetition
from tests.unit.analysis.repeating import repeating


def test_a_row_for_each_size_of_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repeating(5, 3).to_csv(tmp_path / "runs.csv", index=False)
    monkeypatch.setattr("sys.argv", ["repetition", str(tmp_path / "runs.csv"), "--flops", "1.6e11", "--epochs", "16"])
    repetition.main()
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith("| N | D | U |") and len(rows) == 5
    fresh, own, published = rows[2].split("|")[5:8]
    assert float(fresh) < float(published) < float(own.split()[0]), "tokens wear out faster than published"
