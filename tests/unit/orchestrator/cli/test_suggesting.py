"""The verb suggest: over a table, a stored sweep and a file without runs; forms, exit codes and messages."""

from __future__ import annotations

import csv
import io
from copy import copy
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from analysis.records import QuestionError
from orchestrator.cli.suggesting import target_of
from orchestrator.use_cases.suggesting import Asked, suggest_for_sweep
from orchestrator.use_cases.sweep_answers import SweepAnswers
from sweeps.file.spec import LimitsSpec
from tests.unit.orchestrator.cli.conftest import KEYS, Isoflop
from tests.unit.orchestrator.use_cases.test_suggesting import PLANNING


def test_a_table_gives_runs_in_order_in_all_forms(isoflop: Isoflop, table: Path) -> None:
    ask = ("suggest", "--csv", table, *KEYS, "--flops", 1e21, "--spend", 5e20)
    done = isoflop(*ask, "-o", "json")
    assert done.code == 0
    found = done.json
    assert found["spent"] == pytest.approx(sum(run["flops"] for run in found["runs"]))
    assert found["spent"] <= 5e20 * 1.000001
    assert found["expected"]["loss"] < found["now"]["loss"]
    assert found["expected"] == found["runs"][-1]["expected"]
    rows = list(csv.DictReader(io.StringIO(isoflop(*ask, "-o", "csv").stdout)))
    assert [float(row["params"]) for row in rows] == [run["params"] for run in found["runs"]]
    shown = isoflop(*ask)
    assert len(shown.stdout.splitlines()) == 1 + len(rows)
    assert shown.stderr.splitlines()[-1].startswith(f"{len(rows)} runs, ")


def test_a_precision_out_of_reach_exits_with_1_and_names_the_nearest(isoflop: Isoflop, table: Path) -> None:
    ask = ("suggest", "--csv", table, *KEYS, "--flops", 1e21, "--spend", 1e20, "--until", "loss=0.00001")
    done = isoflop(*ask)
    assert done.code == 1
    assert "the precision asked for is out of reach" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("the nearest: N* to ×") and last.endswith(", or spend more")
    typed = last.partition("; ask for ")[2].partition(",")[0]
    assert isoflop(*ask[:-1], typed).code == 0, "what it names is reached"


def test_a_precision_that_is_there_already_takes_no_run(isoflop: Isoflop, table: Path) -> None:
    done = isoflop("suggest", "--csv", table, *KEYS, "--flops", 1e21, "--until", "params=9")
    assert (done.code, done.stdout) == (0, "")
    assert "reached already" in done.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--flops", 1e10), "the least that can be asked about is 1e18"),
        (("--flops", 1e21, "--per", "hour"), "leave per hour out"),
    ],
)
def test_bad_questions_are_wrong_usage(isoflop: Isoflop, table: Path, more: tuple[object, ...], said: str) -> None:
    done = isoflop("suggest", "--csv", table, *KEYS, *more)
    assert done.code == 2
    assert said in done.stderr


@pytest.mark.parametrize("text", ["params", "size=1.2", "loss=x", "loss=inf"])
def test_until_takes_two_names(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="params=FACTOR or loss=HALF-WIDTH"):
        target_of([text])


@pytest.mark.parametrize(("text", "least"), [("params=1", 1), ("params=0.9", 1), ("loss=0", 0), ("loss=-1", 0)])
def test_until_takes_no_precision_that_cannot_be(text: str, least: int) -> None:
    with pytest.raises(typer.BadParameter, match=f"{text} asks for the impossible: .* above {least}, such as"):
        target_of([text])


def test_until_may_demand_both() -> None:
    target = target_of(["params=1.2", "loss=0.02"])
    assert (target.params_factor, target.loss) == (1.2, 0.02)


def test_a_limit_of_the_sweep_is_no_wish_to_spend_it(lab: SweepAnswers) -> None:
    limited, cost = copy(lab), float(lab.variant("").table.flops.sum())
    vars(limited)["spec"] = replace(lab.spec, limits=LimitsSpec(flops=20 * cost))
    usual = suggest_for_sweep(PLANNING, limited, Asked(1e13))
    assert usual.spend == pytest.approx(cost) and usual.spent <= cost * 1.000001
    assert not any("limits.flops" in note for note in usual.notes)
    vars(limited)["spec"] = replace(lab.spec, limits=LimitsSpec(flops=1.5 * cost))
    held = suggest_for_sweep(PLANNING, limited, Asked(1e13))
    assert held.spend == pytest.approx(cost / 2)
    assert any("limits.flops leaves" in note for note in held.notes) and held.limited and not usual.limited
    vars(limited)["spec"] = replace(lab.spec, limits=LimitsSpec(flops=cost))
    with pytest.raises(QuestionError, match=r"pays for no run: .*; limits.flops leaves 0 FLOPs .*: raise it to \d"):
        suggest_for_sweep(PLANNING, limited, Asked(1e13))


def test_a_sweep_with_runs_goes_on_at_its_own_ladder(lab: SweepAnswers) -> None:
    found = suggest_for_sweep(PLANNING, lab, Asked(1e13, spend=1e13))
    assert found.spent <= 1e13 * 1.000001
    assert max(run.budget for run in found.runs) > 1e12
    assert {run.budget for run in found.runs} <= {1e11, 3e11, 1e12} | {
        run.budget for run in found.runs if 2e12 < run.budget < 1.1e13
    }
    assert all(run.shape for run in found.runs)
    assert found.now is not None


def test_where_no_run_helps_nobody_is_told_to_spend_more(isoflop: Isoflop, table: Path) -> None:
    done = isoflop("suggest", "--csv", table, *KEYS, "--flops", 1e19, "--spend", 1e25, "--until", "params=1.0001")
    assert "no further run within 10²⁵ FLOPs would narrow it noticeably" in done.stderr
    assert "; ask for params=1.0" in done.stderr and "spend more" not in done.stderr
