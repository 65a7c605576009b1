"""The wheel: what is installed without a checkout has every file of the packages, and what Python runs when it starts."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from orchestrator.own_packages import PACKAGES
from tests.conftest import ROOT


def test_the_wheel_has_every_file_of_the_packages(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    packed = zipfile.ZipFile(wheel)
    ours = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts
    }
    assert len(ours) > 500
    assert ours - set(packed.namelist()) == {"orchestrator/isoflop.pth"}
    assert packed.read("isoflop_own_packages.py") == (ROOT / "orchestrator" / "own_packages.py").read_bytes()
    assert packed.read("isoflop.pth") == (ROOT / "orchestrator" / "isoflop.pth").read_bytes()
