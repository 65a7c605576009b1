"""Verbs that read: they work in a home that may only be read, change nothing in it, and make none where there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.unit.orchestrator.cli.stored import fill_home

READING = (
    "ls",
    "ls -o json",
    "show lab",
    "fit lab -o json",
    "predict lab --flops 3e12 -o json",
    "plot lab --out {out}/lab.html",
    "export lab --out {out}/lab.csv",
    "compare varied --axis context",
    "trunks",
    "user ls",
    "ledger",
    "audit",
    "db",
    "db backup --to {out}/backup.db",
    "flops lab",
    "logs {run}",
)
"""Commands that read."""
PROGRAM = """
import json, sys
from orchestrator.cli.main import main
codes = []
for line in json.load(sys.stdin):
    sys.argv = ["isoflop", *line.split()]
    try:
        main()
    except SystemExit as end:
        codes.append(end.code)
sys.stdout.flush()
print("CODES", json.dumps(codes))
"""


def run_all(commands: list[str], home: Path, cwd: Path) -> tuple[list[int], str]:
    """Exit code of each command, and all that they said, as a process that cannot override a file's mode."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"] if os.geteuid() == 0 else []
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ISOFLOP_", "WANDB_"))}
    done = subprocess.run(
        [*drop, sys.executable, "-c", PROGRAM],
        input=json.dumps(commands),
        cwd=cwd,
        env=kept | {"ISOFLOP_HOME": str(home), "WANDB_MODE": "disabled", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return json.loads(done.stdout.rpartition("CODES ")[2]), done.stdout + done.stderr


def snapshot(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Mode, size and time of all that is in a folder."""
    stats = {str(p.relative_to(folder)): p.lstat() for p in [folder, *folder.rglob("*")]}
    return {name: (s.st_mode, s.st_size, s.st_mtime_ns) for name, s in stats.items()}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with finished sweeps that nobody may write."""
    root = tmp_path_factory.mktemp("readable") / "home"
    fill_home(root)
    for path in [root, *root.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    return root


@pytest.mark.slow
def test_a_home_that_may_only_be_read_is_read_by_every_verb_that_reads(home: Path, tmp_path: Path) -> None:
    before = snapshot(home)
    run = _a_run(home)
    codes, said = run_all([line.format(out=tmp_path, run=run) for line in READING], home, tmp_path)
    assert dict(zip(READING, codes, strict=True)) == dict.fromkeys(READING, 0), said[-3000:]
    assert "readonly" not in said and "read-only" not in said
    assert snapshot(home) == before
    assert {"lab.html", "lab.csv", "backup.db"} <= {path.name for path in tmp_path.iterdir()}


def _a_run(home: Path) -> str:
    from orchestrator.store import Store

    store = Store(home / "isoflop.db", reading=True)
    return store.runs_of(store.sweep("lab").id)[0].id


def test_the_doctor_says_that_a_home_may_only_be_read(home: Path, tmp_path: Path) -> None:
    before = snapshot(home)
    _, said = run_all(["doctor -o json"], home, tmp_path)
    checks = {row["check"]: row for row in json.loads(said[: said.index("CODES")])}
    assert (
        checks["home"]["ok"] == checks["database"]["ok"] == checks["scheduler"]["ok"] == checks["disk"]["ok"] == "yes"
    )
    assert "you may only read it" in checks["home"]["finding"]
    assert snapshot(home) == before


def test_reading_where_there_is_no_home_makes_none(tmp_path: Path) -> None:
    codes, said = run_all(["ls", "show demo", "fit demo", "db", "trunks"], tmp_path / "none", tmp_path)
    assert codes == [0, 3, 3, 0, 0], said[-3000:]
    assert "no sweep yet" in said and "there is no sweep 'demo'; known: none yet" in said
    assert list(tmp_path.iterdir()) == []


def test_a_verb_that_writes_says_so_of_a_home_that_may_only_be_read(home: Path, tmp_path: Path) -> None:
    before = snapshot(home)
    codes, said = run_all(["pause lab"], home, tmp_path)
    assert codes == [1] and "readonly" in said
    assert snapshot(home) == before
