"""What tests of faults compare with, and the homes in which they kill."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.resume import family
from tests.conftest import Finished, Sandbox, copy_datasets, make_sandbox


@pytest.fixture(scope="session")
def expected(finished: Finished) -> dict[str, str]:
    """The unbroken sweep's table, as another Ray on this machine trained it."""
    rows = json.loads(finished.isoflop("show", "tiny", "-o", "json").stdout)["runs"]
    return {row["run"]: f"{row['state']} {float(row['loss']).hex()}" for row in rows}


@pytest.fixture
def sandboxes(tmp_path: Path, finished: Finished) -> Iterator[tuple[Sandbox, Sandbox]]:
    """Two homes with the dataset and no runs; whatever a test leaves running is ended by id."""
    made = make_sandbox(tmp_path / "whole"), make_sandbox(tmp_path / "killed")
    copy_datasets(finished.sandbox, made[0])
    yield made
    for sandbox in made:
        for process in family(sandbox.home):
            with contextlib.suppress(psutil.Error):
                process.kill()
