"""Rows by the values of their columns; texts that cannot steer a terminal."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.records import LawError
from analysis.table.table import RunTable
from analysis.table.where import cleaned, visible, where_rows
from tests.unit.analysis.table.frames import frame

DATA = pd.DataFrame(
    {"set": ["c4", "web", " c4 ", "x y"], "lr": [1e-3, 3e-3, 0.0, 1e-3], "on": [True, False, True, True]}
)


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ({}, [0, 1, 2, 3]),
        ({"set": "c4"}, [0, 2]),
        ({"set": "x y"}, [3]),
        ({"lr": "0.001"}, [0, 3]),
        ({"lr": "1e-3"}, [0, 3]),
        ({"lr": "0.003"}, [1]),
        ({"lr": "0"}, [2]),
        ({"set": "c4", "lr": "0.001"}, [0]),
        ({"on": "True"}, [0, 2, 3]),
    ],
)
def test_rows_are_chosen_by_text_or_number(where: dict[str, str], rows: list[int]) -> None:
    assert where_rows(DATA, where).index.tolist() == rows


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"sets": "c4"}, r"no column sets to choose rows by \(nearest: set\). The table has: set, lr, on."),
        ({"set": "c5"}, "no row has set=c5: the column has c4, web, x y"),
        ({"lr": "2e-3"}, "no row has lr=2e-3: the column has 0.001, 0.003, 0.0"),
        ({"set": "web", "lr": "1e-3"}, "no row has lr=1e-3"),
    ],
)
def test_what_no_row_has_is_refused_with_what_they_have(where: dict[str, str], message: str) -> None:
    with pytest.raises(LawError, match=message):
        where_rows(DATA, where)


def test_rows_keep_their_numbers() -> None:
    data = frame().assign(set=["a"] * 5 + ["b"] * 10)
    data.loc[7, "params"] = -1.0
    with pytest.raises(LawError, match="in row 9, such as -1"):
        RunTable.from_frame(data, where={"set": "b"}, first_row=2)
    assert len(RunTable.from_frame(data, where={"set": "a"})) == 5


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain é ×", "plain é ×"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\r\tc\x00", "a\\nb\\r\\tc\\x00"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202egpj", "\\u202egpj"),
        ("a\u00a0b", "a\u00a0b"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_names_and_texts_of_a_table_are_escaped_before_anything_is_said() -> None:
    data = frame().assign(run=[f"r\x1b[{i}m" for i in range(15)], state=["done"] * 14 + ["\x1b]0;x\x07"])
    table = RunTable.from_frame(data)
    said = repr(table) + " ".join([*table.names, *(row.run + row.reason for row in table.excluded), *table.warnings])
    assert said.isprintable() and "r\\x1b[0m" in said and "state is \\x1b]0;x\\x07" in said
    with pytest.raises(LawError) as caught:
        RunTable.from_frame(frame().rename(columns={"loss": "lo\x1b[2Jss"}))
    assert str(caught.value).isprintable() and "lo\\x1b[2Jss" in str(caught.value)
    named = frame().rename(columns={"loss": "lo\x1b[2Jss"})
    assert RunTable.from_frame(named, loss="lo\x1b[2Jss") == RunTable.from_frame(frame())


def test_columns_that_stand_twice_pass_for_their_own_error() -> None:
    twice = pd.concat([frame(), frame()[["loss"]]], axis=1)
    assert list(cleaned(twice).columns) == ["flops", "params", "tokens", "loss", "loss"]
