"""The command line in one process: run with a home, its output captured."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.main import main
from tests.unit.analysis.law_tables import sweep


@dataclass(frozen=True)
class Done:
    """What a command printed and how it ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.stdout)


Isoflop = Callable[..., Done]


@pytest.fixture
def isoflop(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Isoflop:
    """The command line, in an empty home."""
    return _runner(monkeypatch, capsys, tmp_path / "home")


@pytest.fixture
def stored(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], filled_home: Path, tmp_path: Path
) -> Isoflop:
    """The command line, in a copy of the home with finished sweeps."""
    shutil.copytree(filled_home, tmp_path / "home")
    return _runner(monkeypatch, capsys, tmp_path / "home")


def _runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> Isoflop:
    monkeypatch.setenv("ISOFLOP_HOME", str(home))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    for name in ("COLUMNS", "ISOFLOP_URL", "ISOFLOP_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: object) -> Done:
        monkeypatch.setattr("sys.argv", ["isoflop", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of a sweep whose columns are called C, N, D and val/loss."""
    path = tmp_path_factory.mktemp("csv") / "mine.csv"
    names = {"flops": "C", "params": "N", "tokens": "D", "loss": "val/loss"}
    sweep(seed=1).rename(columns=names).to_csv(path, index=False)
    return path


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Path]]:
    """Charts and their files, instead of writing them."""
    charts: list[tuple[Any, Path]] = []
    monkeypatch.setattr("analysis.figures.save", lambda chart, path: charts.append((chart, path)))
    return charts


KEYS = ("--flops-key", "C", "--params-key", "N", "--tokens-key", "D", "--loss-key", "val/loss")
"""Options that name the columns of `table`."""
