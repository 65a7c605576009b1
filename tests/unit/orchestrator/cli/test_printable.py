"""A user's text steers no terminal, and ordinary text of any language stays as it is."""

from __future__ import annotations

import pytest

from orchestrator.cli.printable import printable, printable_line


@pytest.mark.parametrize("text", ["plain", "a\tb\nc", "×10¹⁰ – naïve 日本語 🐟", "[red]:dog:[/red]", "", "👨\u200d👩"])
def test_ordinary_text_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("over\rwritten", "over\\rwritten"),
        ("back\x08", "back\\x08"),
        ("\x7f", "\\x7f"),
        ("\x9b2J", "\\x9b2J"),
        ("\x00", "\\x00"),
        ("\udcff", "\\udcff"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u2066b", "a\\u2066b"),
        ("a\u2028b", "a\\u2028b"),
    ],
)
def test_what_could_steer_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_cell_of_a_table_has_one_line() -> None:
    assert printable_line("a\nb\tc\x1b") == "a b c\\x1b"
    assert printable_line("") == ""
