"""Units: other units are refused and named, what may be meant is a warning."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.records import LawError
from analysis.table.table import RunTable
from analysis.table.units import rows_text
from tests.unit.analysis.table.frames import frame

UNITS = [
    (lambda d: d.assign(flops=np.log10(d.flops)), "flops is a log10"),
    (
        lambda d: d.assign(flops=np.log(d.flops), params=np.log(d.params), tokens=np.log(d.tokens)),
        "a natural logarithm",
    ),
    (lambda d: d.assign(params=d.params / 1e9), "params is in billions"),
    (lambda d: d.assign(params=d.params / 1e3), "params is in thousands"),
    (lambda d: d.assign(tokens=d.tokens / 1e6), "tokens is in millions"),
    (
        lambda d: d.assign(params=d.params / 1e6, tokens=d.tokens / 1e9),
        "params is in millions .* tokens is in billions",
    ),
    (lambda d: d.assign(flops=d.flops / 1e12), "flops is in TFLOPs"),
    (lambda d: d.assign(flops=d.flops / 8.64e19), "petaFLOP/s-days"),
    (lambda d: d.drop(columns="tokens").assign(params=d.params / 1e6), "params is in millions"),
    (lambda d: d.assign(flops=d.flops * 1e22), "plain counts"),
    (lambda d: d.assign(flops=d.flops / 1e21), "cannot be flops"),
]


@pytest.mark.parametrize(("change", "message"), UNITS)
def test_other_units_are_refused_and_named(change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LawError, match=message):
        RunTable.from_frame(change(frame()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.assign(tokens=d.tokens * 20), "far from 6"),
        (lambda d: d.rename(columns={"params": "tokens", "tokens": "params"}), "not swapped"),
        (lambda d: d.assign(loss=np.exp(d.loss)), "perplexity"),
        (lambda d: d.assign(budget="small"), "budgets were found by gaps"),
    ],
)
def test_what_may_be_meant_is_a_warning(change, message: str) -> None:  # type: ignore[no-untyped-def]
    table = RunTable.from_frame(change(frame()))
    assert any(message in warning for warning in table.warnings)
    assert not RunTable.from_frame(frame()).warnings


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([3], "row 3"),
        ([3, 8], "rows 3 and 8"),
        ([1, 2, 3, 4, 5], "rows 1, 2, 3, 4 and 5"),
        ([1, 2, 3, 4, 5, 6], "rows 1, 2, 3, 4 and 2 more"),
    ],
)
def test_rows_are_listed_up_to_five(rows: list[int], text: str) -> None:
    mask = np.isin(np.arange(10), rows)
    assert rows_text(mask, np.arange(10)) == text


def test_one_mistyped_row_is_named_rather_than_the_unit() -> None:
    data = frame()
    data.loc[4, "params"] = 1.0
    with pytest.raises(LawError, match=r"column params: 1 in row 5 cannot be params \(expected 1e\+02 to 1e\+16\)"):
        RunTable.from_frame(data)
    data = frame()
    data.loc[4, "tokens"] *= 31
    with pytest.raises(
        LawError, match=r"C / \(N D\) is .* in row 5 and 6 at the median: one of flops, params and tokens"
    ):
        RunTable.from_frame(data)
    data.loc[4, "tokens"] /= 31 / 29
    assert len(RunTable.from_frame(data)) == 15


def test_columns_are_called_what_the_table_calls_them() -> None:
    data = frame().rename(columns={"params": "n_params"})
    data["n_params"] /= 1e6
    with pytest.raises(LawError, match=r"n_params is in millions \(multiply it by 1e\+06\)"):
        RunTable.from_frame(data, params="n_params")


def test_the_usual_counts_warn_of_nothing_and_sleeping_experts_are_usual() -> None:
    for factor in (0.5, 1.0, 4.0):
        data = frame()
        data["tokens"] /= factor
        assert not RunTable.from_frame(data).warnings
    data = frame()
    data["tokens"] /= 5.5
    assert any("far from 6" in warning for warning in RunTable.from_frame(data).warnings)
