"""A class of three goes through the assignment of docs/class.md: every command on the page, against a real service."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, RUN_SECONDS

LONGEST_SECONDS = 4 * RUN_SECONDS
"""Longest that the whole page may take."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(LONGEST_SECONDS + 60)]


def script_of(page: str, port: int) -> str:
    """All commands of the page as one script, which ends at the first that fails."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) > 8
    return "set -euxo pipefail\n" + "".join(blocks).replace("8337", str(port))


def test_a_class_of_three_runs_its_assignment(tmp_path: Path) -> None:
    command = tmp_path / "bin" / "isoflop"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m orchestrator.cli "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ISOFLOP_", "WANDB_"))}
    environ |= {
        "PATH": f"{command.parent}:{Path(sys.executable).parent}:{environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "ISOFLOP_HOME": str(tmp_path / "home"),
        "WANDB_MODE": "disabled",
    }
    script = script_of((ROOT / "docs" / "class.md").read_text(encoding="utf-8"), port)
    log = tmp_path / "log"
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            ["bash", "-c", script], cwd=tmp_path, env=environ, stdout=out, stderr=out, start_new_session=True
        )
    try:
        process.wait(timeout=LONGEST_SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError):  # the service, too, where the script ended early
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    said = log.read_text(encoding="utf-8")
    assert process.returncode == 0, said[-6000:]
    assert "that is more than Cy has" in said and "above the quota of 1e+11" in said
    assert "forecasts are sealed until the board closes" in said
    for table in ("speed", "scaling"):
        shown = said[said.rindex(f"isoflop board show {table}") :]
        assert all(re.search(rf"^\W*\d\W+{name}\b", shown, re.MULTILINE) for name in ("ann", "bob", "cy")), shown[:3000]
    audit = (tmp_path / "audit.csv").read_text(encoding="utf-8")
    assert [audit.count(f",{action},") for action in ("class enrol", "board open", "board enter", "board close")] == [
        1, 2, 6, 1,
    ]  # fmt: skip
    assert not any(secret in audit for secret in ("1.6e10", "16000000000", "130000.0", "isoflop_"))
