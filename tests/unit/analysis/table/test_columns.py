"""Columns of numbers: found or suggested by name, read as floats, refused with their rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.records import LawError
from analysis.table.columns import find_columns, has_tokens, number, positive

NAMES = {"flops": "flops", "params": "params", "tokens": "tokens", "loss": "loss"}


def frame(**columns: object) -> pd.DataFrame:
    data = pd.DataFrame({"flops": [1e18, 2e18], "params": [1e8, 2e8], "tokens": [1e9, 2e9], "loss": [3.0, 2.9]})
    return data.assign(**columns)


def problem(data: pd.DataFrame, **names: str) -> str:
    return find_columns(data, NAMES | names, ()).problem


def test_a_whole_frame_passes_and_tokens_may_be_absent() -> None:
    found = find_columns(frame(), NAMES, ())
    assert (found.names, found.derived, found.notes, found.problem) == (NAMES, "", (), "")
    assert find_columns(frame().drop(columns="tokens"), NAMES, ()).derived == "tokens"
    assert "no column D" in problem(frame(), tokens="D")


@pytest.mark.parametrize(
    ("have", "suggestion"),
    [
        ({"loss": "eval/loss"}, "no column loss (nearest: eval/loss)"),
        ({"loss": "Loss"}, "(nearest: Loss)"),
        ({"loss": "LOSSES"}, "(nearest: LOSSES)"),
        ({"params": "Model Size"}, "no column params (nearest: Model Size)"),
        ({"flops": "C"}, "no column flops (nearest: C)"),
        ({"flops": "train_gflops"}, "no column flops (nearest: train_gflops)"),
        ({"loss": "perplexity"}, "no column loss. The table has: flops, params, tokens, perplexity"),
    ],
)
def test_a_missing_column_is_looked_for_under_other_names(have: dict[str, str], suggestion: str) -> None:
    data = frame().rename(columns=have)
    assert suggestion in problem(data)
    (key,) = have
    nearest = find_columns(data, NAMES, ()).names[key]
    assert nearest == (have[key] if "nearest" in suggestion else key), "the rest of the table is checked under it"


def test_missing_columns_are_all_named_with_their_options_and_long_lists_cut() -> None:
    wide = pd.DataFrame({f"column {i} {'x' * 40}": [1] for i in range(14)})
    text = problem(wide)
    assert text.startswith("no column flops; no column params; no column loss. The table has: ")
    assert text.endswith(" and 2 more. Name the columns with --flops-key, --params-key, --loss-key, or rename them.")
    assert "column 0 " + "x" * 30 + "…," in text


def test_names_that_stand_twice_are_refused() -> None:
    twice = pd.concat([frame(), frame()[["loss"]]], axis=1)
    with pytest.raises(LawError, match="more than one column is called loss"):
        find_columns(twice, NAMES, ())
    run = pd.concat([frame(run="a"), frame(run="b")[["run"]]], axis=1)
    assert not find_columns(run, NAMES, ()).problem
    with pytest.raises(LawError, match="more than one column is called run"):
        find_columns(run, NAMES, ("run",))
    with pytest.raises(LawError, match="column loss cannot hold two quantities"):
        find_columns(frame(), NAMES | {"flops": "loss"}, ())
    with pytest.raises(LawError, match="no rows"):
        find_columns(frame().iloc[:0], NAMES, ())


def test_numbers_may_be_written_as_text_and_blanks_are_nan() -> None:
    values = number(pd.DataFrame({"x": ["1.5", " 2e3 ", "", "NaN", "n/a", "-"]}), "x")
    assert values[:2].tolist() == [1.5, 2000.0] and np.isnan(values[2:]).all()
    assert number(pd.DataFrame({"x": [1, 2]}), "x").dtype == float


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1,234", "thousands separators"),
        ("3,5e9", "thousands separators"),
        ("1.5B", "write it in full"),
        ("70 M", "write it in full"),
        ("diverged", "correct or remove it"),
        ("x" * 50, "correct or remove it"),
    ],
)
def test_text_is_refused_with_its_row_and_a_hint(text: str, hint: str) -> None:
    data = pd.DataFrame({"x": ["1", text, "2"]}, index=[7, 8, 9])
    with pytest.raises(LawError, match=f"column x: not a number in row 8, such as .*{hint}") as caught:
        number(data, "x")
    assert "x" * 41 not in str(caught.value)


def test_what_holds_no_numbers_at_all_is_refused_by_its_type() -> None:
    for values in ([True, False], pd.to_datetime(["2024-01-01", "2024-01-02"])):
        with pytest.raises(LawError, match="values, not numbers"):
            number(pd.DataFrame({"x": values}), "x")


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_only_positive_finite_numbers_pass(value: float) -> None:
    with pytest.raises(
        LawError, match=rf"not a positive number in row 1, such as {value:g}; correct or remove this row"
    ):
        positive(pd.DataFrame({"x": [1.0, value]}), "x")
    with pytest.raises(LawError, match=r"in rows 0 and 1, .* remove these rows"):
        positive(pd.DataFrame({"x": [value, value]}), "x")
    assert positive(pd.DataFrame({"x": [1e-300, 2.0]}), "x").tolist() == [1e-300, 2.0]


def test_tokens_are_given_where_the_column_holds_anything() -> None:
    assert has_tokens(frame(), NAMES) and has_tokens(frame(tokens=[np.nan, 1e9]), NAMES)
    assert not has_tokens(frame(tokens=np.nan), NAMES)
    assert not has_tokens(frame().drop(columns="tokens"), NAMES)
