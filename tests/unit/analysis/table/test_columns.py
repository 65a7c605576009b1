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


@pytest.mark.parametrize("name", ["D", "n_tokens", "Train Tokens", "tokens_seen", "data"])
def test_tokens_are_found_under_the_names_that_people_give_them(name: str) -> None:
    data = frame(tokens=[1.7e9, 1.6e9]).rename(columns={"tokens": name})
    found = find_columns(data, NAMES, ())
    assert (found.names["tokens"], found.derived, found.problem) == (name, "", "")
    assert found.notes == (f"Column {name} is read as tokens: C / (N D) is 6.07 at the median.",)
    assert find_columns(data.assign(tokens=np.nan), NAMES, ()).names["tokens"] == name, "an empty column is none"


@pytest.mark.parametrize("k", [0.9, 31.0, 6e9])
def test_a_column_that_cannot_be_tokens_is_noted_and_not_used(k: float) -> None:
    data = frame(tokens=[1e10 / k, 1e10 / k]).rename(columns={"tokens": "D"})
    found = find_columns(data, NAMES, ())
    assert (found.names["tokens"], found.derived) == ("tokens", "tokens")
    (note,) = found.notes
    assert note.startswith("Column D may hold tokens, but C / (N D) would be") and "--tokens-key D" in note


def test_of_several_columns_of_tokens_the_one_that_fits_is_read() -> None:
    data = frame(tokens=[1.7e9, 1.6e9]).rename(columns={"tokens": "D"}).assign(n_tokens=[3e8, 3e8], total_tokens="x")
    assert find_columns(data, NAMES, ()).names["tokens"] == "D"
    assert find_columns(data[data.columns[::-1]], NAMES, ()).names["tokens"] == "D", "in any order"
    for other in (-3e8, 3e11):
        with_other = data.assign(n_tokens=other)[data.columns[::-1]]
        assert find_columns(with_other, NAMES, ()).names["tokens"] == "D", "nearest to 6 N D"
    named = {**NAMES, "params": "D"}
    assert find_columns(data, named, ()).names["tokens"] == "n_tokens", "what holds N does not hold D"


def test_flops_that_are_not_there_are_six_n_d() -> None:
    found = find_columns(frame().drop(columns="flops"), NAMES, ())
    assert (found.derived, found.problem) == ("flops", "")
    assert found.notes == ("The data has no FLOPs: C is taken as 6 N D, of params and tokens.",)
    by_habit = find_columns(frame().drop(columns="flops").rename(columns={"tokens": "D"}), NAMES, ())
    assert by_habit.names["tokens"] == "D" and by_habit.notes[0] == "Column D is read as tokens."
    assert "of params and D." in by_habit.notes[1]


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (frame().drop(columns=["flops", "tokens"]), {}),
        (frame().drop(columns="flops"), {"flops": "C"}),
        (frame().drop(columns="flops").assign(compute=1e18), {}),
        (frame().drop(columns=["flops", "params"]), {}),
    ],
)
def test_flops_are_missed_where_six_n_d_is_not_known_or_others_are_meant(
    data: pd.DataFrame, names: dict[str, str]
) -> None:
    found = find_columns(data, NAMES | names, ())
    assert found.problem.startswith(f"no column {names.get('flops', 'flops')}") and found.derived != "flops"


def test_names_with_blanks_are_quoted_in_the_advice() -> None:
    assert "--params-key 'Model Size'," in problem(frame().rename(columns={"params": "Model Size"}))


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
        ("20 145 496", "write it without thousands separators"),
        ("20_145_496", "write it without thousands separators"),
        ("1'000", "write it without thousands separators"),
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
