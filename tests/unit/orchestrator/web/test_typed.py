"""Numbers as people type them: every notation that the pages print is read, and nothing else."""

from __future__ import annotations

import pytest

from analysis.records import QuestionError
from analysis.wording import format_count, format_flops
from orchestrator.web.typed import typed_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1e15", 1e15), (" 3×10¹¹ ", 3e11), ("10¹²", 1e12), ("10^12", 1e12), ("3x10^11", 3e11), ("2 * 10**3", 2e3),
        ("3×10⁻²", 0.03), ("69.6 k", 69.6e3), ("7B", 7e9), ("2.4 M", 2.4e6), ("1 T", 1e12), ("1,200,000", 1.2e6),
        ("3.085", 3.085), ("3×10¹¹ FLOPs", 3e11), ("33 M tokens", 33e6), ("−5", -5.0), ("1011", 1011.0),
    ],
)  # fmt: skip
def test_every_notation_is_read(text: str, number: float) -> None:
    assert typed_number(text, "a number", "1") == pytest.approx(number)


@pytest.mark.parametrize("value", [1.0, 8.0, 69_600.0, 7e9, 3.31e6, 1.5e12, 5.01e11, 2e15])
def test_what_a_page_prints_can_be_typed(value: float) -> None:
    assert typed_number(format_flops(value), "a budget", "1e15") == pytest.approx(value)
    assert typed_number(format_count(value), "a count", "7 B") == pytest.approx(value)


@pytest.mark.parametrize("text", ["many", "1,5", "1e400", "nan", "k", "1e5e5", "10^^3", "<b>"])
def test_what_is_no_number_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(QuestionError, match="is not a number: type hours, such as 100"):
        typed_number(text, "hours", "100")
