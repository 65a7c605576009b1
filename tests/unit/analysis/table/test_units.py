"""Units: other units are refused and named, what may be meant is a warning."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
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
COUNTS = {"thousands": 1e3, "millions": 1e6, "billions": 1e9}
SCALES = {
    "flops": {
        **{f"{prefix}FLOPs": 10.0 ** (3 * power) for power, prefix in enumerate("kMGTPE", start=1)},
        "teraFLOP/s-days": 8.64e16,
        "petaFLOP/s-days": 8.64e19,
        "exaFLOP/s-days": 8.64e22,
    },
    "params": COUNTS,
    "tokens": COUNTS | {"trillions": 1e12},
}
ONE_COLUMN = [(column, unit, scale) for column, units in SCALES.items() for unit, scale in units.items()]


def grid(ratio: float = 20.0, k: float = 6.0) -> pd.DataFrame:
    """Four budgets of seven sizes about a number of tokens a parameter."""
    flops = np.repeat([1e18, 1e19, 1e20, 1e21], 7)
    params = np.sqrt(flops / k / ratio) * np.tile(np.geomspace(0.25, 4, 7), 4)
    loss = 2 + 300 / params**0.33 + 1 + np.arange(28) * 1e-3
    return pd.DataFrame({"flops": flops, "params": params, "tokens": flops / k / params, "loss": loss})


@pytest.mark.parametrize(("column", "unit", "scale"), ONE_COLUMN)
@pytest.mark.parametrize(("ratio", "k"), [(20.0, 6.0), (5.0, 7.5), (160.0, 6.3)])
def test_one_wrong_column_is_named_with_its_unit_and_its_factor(
    column: str, unit: str, scale: float, ratio: float, k: float
) -> None:
    right = grid(ratio, k)
    with pytest.raises(LawError) as caught:
        RunTable.from_frame(right.assign(**{column: right[column] / scale}))
    text = str(caught.value)
    assert f"it looks as if {column} is in {unit} (multiply it by {scale:g})" in text
    others = {"flops", "params", "tokens"} - {column}
    assert all(f"{other} is in" not in text for other in others), "no second column is blamed"


@pytest.mark.parametrize(("column", "unit", "scale"), [case for case in ONE_COLUMN if case[0] != "tokens"])
def test_without_tokens_the_wrong_column_is_named_as_well(column: str, unit: str, scale: float) -> None:
    right = grid().drop(columns="tokens")
    with pytest.raises(LawError, match=f"{column} is in {re.escape(unit)}"):
        RunTable.from_frame(right.assign(**{column: right[column] / scale}))


NO_FLOPS = [({"params": 1e6}, "params is in millions"), ({"tokens": 1e9}, "tokens is in billions")]


@pytest.mark.parametrize(("scales", "unit"), [*NO_FLOPS, ({"tokens": 1e6}, "tokens is in millions")])
def test_without_flops_no_column_of_flops_is_blamed(scales: dict[str, float], unit: str) -> None:
    data = grid().drop(columns="flops")
    wrong = data.assign(**{column: data[column] / scale for column, scale in scales.items()})
    with pytest.raises(LawError, match=unit) as caught:
        RunTable.from_frame(wrong)
    assert "flops" not in str(caught.value).lower() and "More than one" not in str(caught.value)


def test_two_wrong_columns_without_flops_are_called_two() -> None:
    data = grid().drop(columns="flops")
    wrong = data.assign(params=data.params / 1e6, tokens=data.tokens / 1e9)
    with pytest.raises(LawError, match=r"params is in millions .* and tokens is in billions") as caught:
        RunTable.from_frame(wrong)
    assert "flops is" not in str(caught.value) and "column flops" not in str(caught.value)


TWO_COLUMNS = [
    ({"flops": 1e9, "params": 1e6}, "flops is in GFLOPs .* and params is in millions"),
    ({"flops": 1e12, "tokens": 1e9}, "flops is in TFLOPs .* and tokens is in billions"),
    ({"params": 1e6, "tokens": 1e9}, "params is in millions .* and tokens is in billions"),
    ({"flops": 1e9, "params": 1e3}, "flops is in GFLOPs .* and params is in thousands"),
]


@pytest.mark.parametrize(("scales", "message"), TWO_COLUMNS)
def test_two_wrong_columns_are_called_two(scales: dict[str, float], message: str) -> None:
    data = grid()
    wrong = data.assign(**{column: data[column] / scale for column, scale in scales.items()})
    with pytest.raises(LawError, match=f"{message}.*More than one column is wrong: compare a row"):
        RunTable.from_frame(wrong)


@pytest.mark.parametrize(("ratio", "readings"), [(5.0, 2), (9.0, 1)])
def test_another_reading_is_named_where_it_is_nearly_as_good(ratio: float, readings: int) -> None:
    """GFLOPs and millions, or MFLOPs and thousands, which make tokens a parameter a thousand times as many."""
    data = grid(ratio)
    with pytest.raises(LawError) as caught:
        RunTable.from_frame(data.assign(flops=data.flops / 1e9, params=data.params / 1e6))
    text = str(caught.value)
    assert text.index("flops is in GFLOPs") < text.find(", or flops is in MFLOPs") or readings == 1
    assert text.count("flops is in") == readings


@pytest.mark.parametrize("scales", [{"flops": 1e3, "params": 1e3}, {"flops": 1e3, "tokens": 1e3}])
def test_columns_that_are_wrong_alike_give_no_law_a_thousand_times_off(scales: dict[str, float]) -> None:
    """C = 6 N D holds, but no run sees so few or so many tokens a parameter."""
    data = grid()
    wrong = data.assign(**{column: data[column] * scale for column, scale in scales.items()})
    other = next(column for column in scales if column != "flops")
    with pytest.raises(LawError, match=f"flops and {other} are both too large by one factor") as caught:
        RunTable.from_frame(wrong)
    assert "multiply" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong", [{"flops": 1e-9}, {"params": 1e-6}, {"tokens": 1e-3}, {"flops": 1e-9, "params": 1e-3}]
)
def test_who_follows_the_advice_arrives(wrong: dict[str, float]) -> None:
    data = grid()
    broken = data.assign(**{column: data[column] * factor for column, factor in wrong.items()})
    with pytest.raises(LawError) as caught:
        RunTable.from_frame(broken)
    for column, factor in re.findall(r"(\w+) is in [\w/-]+ \(multiply it by ([\d.e+]+)\)", str(caught.value)):
        broken[column] *= float(factor)
    table = RunTable.from_frame(broken)
    assert table.params == pytest.approx(data.params) and not table.warnings


@pytest.mark.parametrize(
    ("ratio", "word"), [(0.09, "too few"), (0.11, "not swapped"), (0.49, "not swapped"), (0.51, ""), (1990, "")]
)
def test_few_tokens_a_parameter_warn_and_fewer_are_refused(ratio: float, word: str) -> None:
    _ratio(ratio, word)


@pytest.mark.parametrize(
    ("ratio", "word"), [(2010, "check the units"), (9900, "check the units"), (10_100, "too many")]
)
def test_many_tokens_a_parameter_warn_and_more_are_refused(ratio: float, word: str) -> None:
    _ratio(ratio, word)


def _ratio(ratio: float, word: str) -> None:
    """What is said to a table whose median run saw a number of tokens a parameter."""
    try:
        said = " ".join(RunTable.from_frame(grid(ratio)).warnings)
    except LawError as error:
        said = str(error)
    assert (word in said) if word else not said


@pytest.mark.parametrize(("change", "message"), UNITS)
def test_other_units_are_refused_and_named(change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LawError, match=message):
        RunTable.from_frame(change(frame()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.assign(tokens=d.tokens * 20), "far from 6"),
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


def test_swapped_columns_are_refused_where_no_run_sees_so_few_tokens() -> None:
    data = grid(40.0)
    with pytest.raises(LawError, match="params and tokens are swapped"):
        RunTable.from_frame(data.rename(columns={"params": "tokens", "tokens": "params"}))


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
