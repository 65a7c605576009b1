"""isoflop started in a folder that holds the user's own `model.py`, `analysis.py` and `tests/`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.cluster.worker import ForeignModule, check_modules
from tests.conftest import FOREIGN, ROOT, TRAP, Finished


def test_modules_of_the_user_do_no_harm(finished: Finished) -> None:
    """The tiny sweep was run in such a folder, its workers among it."""
    assert [(finished.sandbox.cwd / name).read_text() for name in FOREIGN] == [TRAP] * 6
    assert "the user" not in finished.stderr, finished.stderr[-3000:]
    runs = json.loads(finished.isoflop("show", "tiny", "-o", "json").stdout)["runs"]
    assert runs
    assert {run["state"] for run in runs} == {"done"}


def test_a_worker_that_imported_a_foreign_module_says_so(tmp_path: Path) -> None:
    check_modules(str(ROOT))
    with pytest.raises(ForeignModule, match="was imported from"):
        check_modules(str(tmp_path))
