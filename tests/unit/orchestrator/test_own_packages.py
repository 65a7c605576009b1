"""isoflop's processes import isoflop's packages; all others are left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import own_packages
from orchestrator.own_packages import PACKAGES, OwnPackages, is_ours, put_first
from tests.conftest import ROOT


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A folder with the user's own modules of all our names, as files and as packages."""
    for name in PACKAGES[:3]:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the trap')\n")
    for name in PACKAGES[3:]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the trap')\n")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        ("python /usr/bin/isoflop ls", True),
        ("python -P -W error /usr/bin/isoflop ls", True),
        ("python -m model.train --plan x", True),
        ("python -u -m orchestrator.cli ls", True),
        ("python -um model", True),
        ("python train.py", False),
        ("python train.py -m model", False),
        ("python -m modelling.train", False),
        ("python -m pytest -m model", False),
        ("python -X dev -c 'import model' -m model", False),
        ("python", False),
    ],
)
def test_whose_process_it_is(command: str, ours: bool) -> None:
    assert is_ours(command.split()) is ours


def test_our_packages_are_found_behind_the_users(trap: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", str(trap), str(ROOT), *sys.path])
    for name in PACKAGES:
        spec = OwnPackages.find_spec(name)
        assert spec is not None and spec.origin == str(ROOT / name / "__init__.py")
    assert OwnPackages.find_spec("json") is None
    assert OwnPackages.find_spec("model", [str(trap)]) is None, "a submodule is looked for in its own package"
    monkeypatch.setattr(sys, "path", [str(trap)])
    assert OwnPackages.find_spec("model") is None


def test_the_finder_is_first_and_there_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", ["others"])
    put_first()
    put_first()
    assert sys.meta_path == [OwnPackages, "others"]


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "orchestrator.cli", "ls"],
        pytest.param(["-m", "orchestrator.cli.main", "ls"], marks=pytest.mark.slow),
        ["-m", "model.train", "-h"],
        pytest.param(["-m", "model", "-h"], marks=pytest.mark.slow),
    ],
)
def test_the_users_modules_do_no_harm(trap: Path, tmp_path: Path, words: list[str]) -> None:
    """They are in the working folder and on PYTHONPATH.

    With the file that starts the finder where the wheel installs it: on a folder of site packages.
    """
    site = tmp_path / "site"
    site.mkdir()
    source = Path(own_packages.__file__)
    (site / "isoflop_own_packages.py").write_bytes(source.read_bytes())
    (site / "isoflop.pth").write_bytes(source.with_name("isoflop.pth").read_bytes())
    (site / "packages.pth").write_text(f"{ROOT}\n")
    (site / "sitecustomize.py").write_text(f"import site; site.addsitedir({str(site)!r})\n")
    done = subprocess.run(
        [sys.executable, *words],
        capture_output=True, text=True, timeout=120, check=False, cwd=trap,
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(site), str(trap))), "ISOFLOP_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "trap" not in done.stderr


def test_the_wheel_installs_the_finder_and_the_file_that_starts_it() -> None:
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"orchestrator/isoflop_own_packages" = "isoflop_own_packages.py"' in settings
    assert '"orchestrator/isoflop.pth" = "isoflop.pth"' in settings
