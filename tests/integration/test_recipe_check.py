"""A sweep that asks for a check of its recipe: planned, trained, judged, shown and reported for real."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from typing import Any

import pytest

from tests.conftest import Finished, Sandbox, copy_datasets

ASKED = (
    "tiny",
    "recipe_check=true",
    "budgets=[4e8, 8e8, 1.6e9]",
    "recipe_overrides.batch_tokens=512",
    "recipe_overrides.min_steps=10",
)


def _json(sandbox: Sandbox, *arguments: str) -> Any:
    return json.loads(sandbox.isoflop(*arguments, "-o", "json", check=False).stdout)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_check_of_a_small_sweep(finished: Finished, sandbox: Sandbox) -> None:
    copy_datasets(finished.sandbox, sandbox)
    plan = _json(sandbox, "plan", *ASKED)
    check = plan["recipe_check"]
    assert plan["totals"]["runs"] == len(plan["runs"]) + len(check["runs"])
    done = sandbox.isoflop("run", *ASKED, "--yes", check=False, WANDB_MODE="disabled")
    assert f"recipe check: {len(check['runs'])} further runs in 6 cells" in done.stderr
    assert re.search(r"recipe (passes|fails) in \d of 6 cells", done.stderr)
    full = sandbox.isoflop("fit", "tiny", "-v", check=False).stdout
    assert "Recipe check: the rule's loss against the best found around it" in full

    shown = _json(sandbox, "show", "tiny")["runs"]
    assert Counter(run["role"] for run in shown) == {"grid": len(plan["runs"]), "check": len(check["runs"])}
    assert {run["state"] for run in shown if run["role"] == "grid"} == {"done"}
    assert {run["state"] for run in shown} <= {"done", "diverged"}
    rows = list(csv.DictReader(io.StringIO(sandbox.isoflop("export", "tiny", "--out", "-").stdout)))
    losses = {row["run"]: float(row["loss"] or "inf") for row in rows}
    assert Counter(row["role"] for row in rows)["check"] == len(check["runs"])

    fit = _json(sandbox, "fit", "tiny")
    assert sum(len(curve["params"]) for curve in fit["curves"]) == len(plan["runs"])
    assert [cell["verdict"] for cell in fit["recipe_check"]].count("open") == 0
    for cell in fit["recipe_check"]:
        planned = [
            (run["run"], point)
            for run in plan["runs"] + check["runs"]
            for point in run["checks"]
            if (run["budget"], run["params"], point["place"]) == (cell["flops"], cell["params"], cell["place"])
        ]
        assert cell["runs"] == len(planned) > 5
        assert cell["best_loss"] == pytest.approx(min(losses[run] for run, _ in planned))
        rule = next(run for run, point in planned if point["batch_factor"] == point["lr_factor"] == 1)
        assert cell["rule_loss"] == pytest.approx(losses[rule])
        failed = cell["gap"] > cell["threshold"]
        assert cell["verdict"] == ("fails" if failed else "passes")
        flags = next(curve["flags"] for curve in fit["curves"] if curve["flops"] == cell["flops"])
        assert any(cell["place"] in flag for flag in flags) == failed
    report = (sandbox.home / "reports" / "tiny" / "report.html").read_text()
    assert 'aria-label="Recipe check"' in report
