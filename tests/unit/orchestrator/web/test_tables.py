"""Rows of the tables: which columns there are, in which order, and how numbers are written."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd
import pytest

from analysis.records import Minimum, PowerLaw
from orchestrator.web.tables import (
    DroppedRow,
    coefficient,
    dropped_rows,
    parameters,
    power_law_groups,
    refusal_groups,
    run_rows,
    signed,
    size_error,
)
from sweeps.plan.records import DroppedCell
from tests.unit.orchestrator.report_fixtures import law, runs


def titles(frame: pd.DataFrame) -> list[str]:
    return [cell.title for cell in run_rows(frame)[0].cells]


def test_rows_say_what_is_missing() -> None:
    rows = run_rows(
        pd.DataFrame(
            [{"run": "a", "state": "QUEUED", "budget": 1e12, "params": 5e4, "loss": float("nan"), "vary.lr": 2}]
        )
    )
    assert [cell.title for cell in rows[0].cells] == ["Run", "Budget", "N", "State", "lr"]
    assert (rows[0].state, rows[0].cells[-1].text) == ("queued", "2")
    assert [cell.number for cell in rows[0].cells] == [False, True, True, False, False]


def test_losses_on_further_sets_stand_behind_the_loss() -> None:
    frame = pd.DataFrame([{"run": "a", "loss": 3.0, "loss.wiki": 2.5, "bits_per_byte.wiki": 1.2, "budget": 1e12}])
    assert titles(frame) == ["Run", "Loss", "Loss wiki", "Budget"]
    assert run_rows(frame)[0].cells[2].text == "2.500"


def test_rows_are_in_the_order_of_budget_and_size_and_unknown_ones_last() -> None:
    frame = pd.DataFrame(
        [
            {"run": "d", "params": None, "budget": None},
            {"run": "c", "params": 1e3, "budget": 9e12},
            {"run": "b", "params": 9e4, "budget": 1e12},
            {"run": "a", "params": 5e4, "budget": 1e12, "loss": 3.0},
        ]
    )
    rows = run_rows(frame)
    assert [row.cells[0].text for row in rows] == ["a", "b", "c", "d"]
    assert [row.cells[1].text for row in rows] == ["3.000", "–", "–", "–"]


def test_flops_spent_and_role_are_shown_only_where_they_say_something() -> None:
    frame = runs().assign(role="grid", trunk="", flops_spent=1e11)
    assert {"Role", "FLOPs spent"} & set(titles(frame)) == set()
    frame.loc[0, ["role", "trunk"]] = ["check", "t"]
    assert {"Role", "FLOPs spent"} <= set(titles(frame))


def test_numbers_of_a_run_are_in_words() -> None:
    frame = runs().iloc[:1].assign(params=41_234.0, lr=0.00920132, seconds=75.0)
    shown = {cell.title: cell.text for cell in run_rows(frame)[0].cells}
    assert (shown["N"], shown["LR"], shown["Time"]) == ("41.2 k", "0.0092", "1 min 15 s")
    assert (shown["Budget"], shown["Batch"], shown["Seed"]) == ("3×10¹¹", "1024", "0")


def test_a_sweep_without_runs_has_no_rows() -> None:
    assert run_rows(pd.DataFrame(columns=["run", "budget", "params"])) == []


def test_dropped_cells_have_budget_size_shape_and_reason() -> None:
    cell = DroppedCell(3e11, 41000, "L2 d32 h2 ff96", "too short")
    assert dropped_rows([cell]) == [DroppedRow("3×10¹¹", "41 k", "L2 d32 h2 ff96", "too short")]


def test_power_laws_are_grouped_with_the_headline_first() -> None:
    groups = power_law_groups([*law().power_laws][::-1])
    assert [group[0].quantity for group in groups] == ["params", "tokens", "loss"]
    assert groups[0][0].estimator == "headline"
    for group in groups:
        assert "headline" not in [p.estimator for p in group[1:]]
        assert len({p.quantity for p in group}) == 1
    only: list[PowerLaw] = [p for p in law().power_laws if p.quantity == "tokens"]
    assert len(power_law_groups(only)) == 1


def test_estimators_that_refuse_for_the_same_reason_share_a_row() -> None:
    refused = next(curve for curve in law(edge=3e12).curves if not curve.minima)
    groups = refusal_groups(refused)
    assert sorted(name for names, _ in groups for name in names) == sorted(refused.refusals)
    assert len({refusal for _, refusal in groups}) == len(groups)
    assert all(refused.refusals[name] == refusal for names, refusal in groups for name in names)


def some_minimum() -> Minimum:
    return law().curves[0].minima[0]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (math.log(1.08), "×/÷ 1.08"),
        (math.log(99.9), "×/÷ 99.90"),
        (math.log(100.1), "(not known within ×100)"),
        (1e9, "(not known within ×100)"),
        (math.inf, "(error not known)"),
        (math.nan, "(error not known)"),
    ],
)
def test_the_error_of_a_size_is_its_interval_as_a_factor(error: float, words: str) -> None:
    assert size_error(replace(some_minimum(), log_params_half=error)) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0595, "0.0595"),
        (1e-3, "0.001"),
        (9.9e-4, "9.9×10⁻⁴"),
        (2.5e-7, "2.5×10⁻⁷"),
        (-3.2, "−3.2"),
        (4862.0, "4860"),
        (99_900.0, "99900"),
        (1e5, "10⁵"),
    ],
)
def test_coefficients_have_three_digits(value: float, words: str) -> None:
    assert coefficient(value) == words


def test_exponents_have_a_true_minus_sign() -> None:
    assert (signed(-0.1512), signed(0.5)) == ("−0.151", "0.500")


def test_parameters_of_a_surface_are_one_line() -> None:
    shown = parameters({"E": 1.824, "A": 478.0, "alpha": 0.34})
    assert shown.replace("\u00a0", "_") == "E_=_1.82, A_=_478, α_=_0.34", "lines break between parameters only"
