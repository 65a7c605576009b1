"""Tables: which columns stay, how numbers are rounded, and that nothing is wider than the terminal."""

from __future__ import annotations

import pytest

from orchestrator.cli.tables import cell_text, columns_that_fit, table_lines

WIDTHS = {"run": 4, "state": 5, "loss": 6, "note": 10}


@pytest.mark.parametrize(
    ("width", "kept"),
    [
        (31, ["run", "state", "loss", "note"]),
        (30, ["run", "state", "loss"]),
        (19, ["run", "state", "loss"]),
        (18, ["run", "state"]),
        (11, ["run", "state"]),
        (10, ["run"]),
        (1, ["run"]),
    ],
)
def test_columns_are_left_out_from_the_end(width: int, kept: list[str]) -> None:
    assert columns_that_fit(WIDTHS, (), width) == kept


def test_the_important_columns_stay_in_the_order_of_the_table() -> None:
    assert columns_that_fit(WIDTHS, ("note", "run", "absent"), 16) == ["run", "note"]
    assert columns_that_fit(WIDTHS, ("note", "run"), 15) == ["note"]
    assert columns_that_fit(WIDTHS, ("loss",), 12) == ["run", "loss"], "the others rank in the table's order"


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("budget", 1e10, "10¹⁰"),
        ("flops_spent", 10_000_000_000, "10¹⁰"),
        ("params", 41_250, "41.2 k"),
        ("loss", 2.34567, "2.346"),
        ("loss.wiki", 2.34567, "2.346"),
        ("run_seconds", 12.345, "12.3"),
        ("bytes", 2_500_000, "2.5 MB"),
        ("lr", 0.00612345, "0.006123"),
        ("steps", 1234567, "1234567"),
        ("loss", float("nan"), "–"),
        ("inside", True, "yes"),
        ("inside", False, "no"),
        ("error", None, ""),
        ("submitted", "2026-11-26T01:53:30+00:00", "2026-11-26 01:53"),
        ("revision", "0123456789abcdef", "01234567"),
        ("budget", "2×10⁹", "2×10⁹"),
    ],
)
def test_values_are_rounded_by_their_column(column: str, value: object, text: str) -> None:
    assert cell_text(column, value) == text


def test_numbers_stand_to_the_right_and_text_to_the_left() -> None:
    rows = [
        {"name": "a", "loss": 2.5, "N": "1 k (0.9 to 1.1 k)"},
        {"name": "long", "loss": 12.25, "N": "2 k (1 to 3 k)"},
    ]
    assert table_lines(rows, ["name", "loss", "N"], 80) == [
        "name    loss  N",
        "a      2.500  1 k (0.9 to 1.1 k)",
        "long  12.250  2 k (1 to 3 k)",
    ]


def test_prose_wraps_into_the_space_that_is_left_and_digits_never_do() -> None:
    reason = "too few optimizer steps at this size: 12, and the recipe asks for 50 of them"
    lines = table_lines([{"budget": 1e9, "reason": reason}], ["budget", "reason"], 40)
    assert lines[1].startswith("   10⁹  too few optimizer")
    assert max(map(len, lines)) <= 40 and len(lines) == 4
    assert " ".join(" ".join(line[8:] for line in lines[1:]).split()) == reason
    assert table_lines([{"budget": 1e9, "reason": reason}], ["budget", "reason"], 31)[0] == "budget"
    assert table_lines([{"budget": 1e9, "reason": reason}], ["budget", "reason"], 32)[0] == "budget  reason"


def test_a_column_of_prose_without_text_is_left_out() -> None:
    rows = [{"run": "a", "error": None, "loss": None}]
    assert table_lines(rows, ["run", "loss", "error"], 80)[0] == "run  loss"
    assert table_lines([{"run": "a", "error": "broken"}], ["run", "error"], 80)[0] == "run  error"


def test_a_table_without_rows_is_its_header() -> None:
    assert table_lines([], ["run", "loss"], 80) == ["run  loss"]
