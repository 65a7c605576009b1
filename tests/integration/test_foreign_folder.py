"""isoflop started in a folder that holds the user's own `model.py`, `analysis.py` and `tests/`."""

from __future__ import annotations

import json

import pytest

from orchestrator.cluster.worker import ForeignModule, check_modules
from tests.conftest import ROOT, Finished, copy_datasets, make_sandbox

TRAP = "raise SystemExit('this is the user\\'s file, not ours')\n"


def test_modules_of_the_user_do_no_harm(tmp_path, finished: Finished) -> None:  # type: ignore[no-untyped-def]
    sandbox = make_sandbox(tmp_path)
    copy_datasets(finished.sandbox, sandbox)
    for name in ("model.py", "analysis.py", "tokenizer.py", "sweeps.py", "orchestrator.py"):
        (sandbox.cwd / name).write_text(TRAP)
    (sandbox.cwd / "tests").mkdir()
    (sandbox.cwd / "tests" / "__init__.py").write_text(TRAP)
    one_budget = ["budgets=[2e9]", "sizes.count=2"]
    done = sandbox.isoflop("run", "tiny", *one_budget, "--yes", check=False)
    assert "the user" not in done.stderr, done.stderr[-3000:]
    runs = json.loads(sandbox.isoflop("show", "tiny", "-o", "json").stdout)["runs"]
    assert runs
    assert {run["state"] for run in runs} == {"done"}


def test_a_worker_that_imported_a_foreign_module_says_so(tmp_path) -> None:  # type: ignore[no-untyped-def]
    check_modules(str(ROOT))
    with pytest.raises(ForeignModule, match="was imported from"):
        check_modules(str(tmp_path))
