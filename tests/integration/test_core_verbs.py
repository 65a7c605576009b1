"""`isoflop profile` and `isoflop sample` on a real, finished sweep."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Finished


@pytest.mark.slow
def test_sample_continues_a_prompt(finished: Finished) -> None:
    run = json.loads(finished.isoflop("show", "tiny", "-o", "json").stdout)["runs"][0]["run"]
    arguments = ["sample", run[:10], "--prompt", "def ", "--tokens", "20", "--seed", "3"]
    answer = json.loads(finished.isoflop(*arguments, "-o", "json").stdout)
    assert answer["run"] == run
    assert len(answer["tokens"]) == 20
    assert finished.isoflop(*arguments).stdout == "def " + answer["text"] + "\n"
    assert finished.isoflop("sample", "nothing", check=False).returncode == 3


@pytest.mark.slow
def test_profile_of_a_cell(finished: Finished, tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    answer = json.loads(finished.isoflop("profile", "tiny", "--cell", "0", "--trace", str(trace), "-o", "json").stdout)
    assert 0 < answer["mfu"] < 1
    assert answer["seconds"]["attention"] > 0
    assert trace.stat().st_size > 1000
    assert finished.isoflop("profile", "tiny", "--cell", "999", check=False).returncode == 2
