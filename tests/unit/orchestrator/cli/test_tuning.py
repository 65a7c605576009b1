"""`isoflop tune`: what it prints of a recipe in each form, and what it refuses before it starts."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from analysis.evidence import CheckedCell
from orchestrator.cli import tuning
from orchestrator.cli.output import Format
from orchestrator.use_cases.tuning import TunedRecipe, Tuning
from sweeps.recipes.recipe import RecipeError
from sweeps.recipes.tuned import Rule
from sweeps.tune.result import Found, TunedCell
from tests.unit.sweeps.plans import spec_of

TEST = CheckedCell(1e12, 1e5, "left out", "passes", 3.51, 3.5, 1.0, 2.0, 0.01, 0.02, 5, 5)
FOUND = Found(
    names=("batch", "lr"),
    rules=(Rule(512, 0.1, 0.5, 1.2, 0.2, 0.3), Rule(0.01, -0.5, 0.0, 1.3, 0.1, 0.1)),
    reference=(2e4, 1e6),
    edges=("lr has its optimum at the upper end of the search in 2 of 6 cells",),
    cells=(TunedCell(1e11, 9760, "left end", 12, 2, None, 4.4, 4.39),),
    test=TEST,
    noise=0.012,
    params_range=(9000.0, 1e5),
    ratio_range=(1.0, 100.0),
    batch_range=(256.0, 1024.0),
    spent=1.4e13,
)


def shown(found: Found, output: Format) -> None:
    """Show a recipe of this result."""
    definition = found.recipe_json(spec_of(), "t-tune@1")
    tuning.show_recipe(TunedRecipe("mine", Path("recipes/mine.yaml"), found, definition), output)


def test_a_recipe_as_tables_with_its_test_and_its_edges(capsys: pytest.CaptureFixture[str]) -> None:
    shown(FOUND, Format.TABLE)
    out, err = capsys.readouterr()
    assert "512 (×÷1.2)" in out and "-0.500 ± 0.1" in out
    (row,) = [line for line in out.splitlines() if "left end" in line]
    assert row.split()[-3:] == ["–", "4.400", "4.390"], "the start diverged"
    assert "warning: lr has its optimum at the upper end of the search in 2 of 6 cells" in err
    assert "which was left out: the rules pass: loss 3.510, 0.010 above the best of 5 runs around it" in err
    assert err.endswith("written: recipes/mine.yaml\n")


def test_rules_that_fail_are_said_to_fail(capsys: pytest.CaptureFixture[str]) -> None:
    shown(replace(FOUND, test=replace(TEST, verdict="fails", gap=0.1, rule_loss=3.6)), Format.TABLE)
    assert "the rules fail: loss 3.600, 0.100 above the best" in capsys.readouterr().err
    shown(replace(FOUND, test=replace(TEST, verdict="open", gap=None, rule_loss=None)), Format.TABLE)
    assert "the rules have no loss" in capsys.readouterr().err


def test_a_recipe_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    shown(FOUND, Format.JSON)
    data: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert data["recipe"] == "mine" and data["rules"]["lr"]["params"] == -0.5 and data["test"]["verdict"] == "passes"
    shown(FOUND, Format.CSV)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["setting"] for row in rows] == ["batch", "lr"] and rows[0]["factor"] == "1.2"


def test_what_it_refuses_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOFLOP_HOME", str(tmp_path))
    with pytest.raises(typer.BadParameter, match="-1 is not a positive number"):
        tuning.tune("demo", spend=-1)
    with pytest.raises(typer.BadParameter, match="is a folder"):
        tuning.tune("demo", out=tmp_path)
    with monkeypatch.context() as patch, pytest.raises(RecipeError, match="'My recipe' is no name of a recipe"):
        patch.setattr(Tuning, "plan", lambda *_: pytest.fail("a corpus is prepared before the name is refused"))
        tuning.tune("demo", recipe="My recipe")
