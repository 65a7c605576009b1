"""C4's rules: lines that are taken out, and documents that are thrown away."""

from __future__ import annotations

import pytest

from tokenizer.filters.c4 import LINES
from tokenizer.filters.screen import NO_LINE, Screen

C4 = Screen(("c4",), {})
GOOD = "This is a sentence of some length."


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("A line without an end", "line_ends"),
        ("It goes on and on...", "line_ends"),
        ("Two words.", "line_words"),
        ("Please enable JavaScript in your browser.", "javascript"),
        ("See our privacy policy for more about it.", "policies"),
        ("A word of " + "x" * 1_001 + " letters.", "line_word_length"),
    ],
)
def test_lines_that_are_taken_out(line: str, rule: str) -> None:
    verdict = C4.judge("\n".join([GOOD] * 3 + [line] + [GOOD] * 3))
    assert (verdict.rule, verdict.lines, verdict.text) == ("", (rule,), "\n".join([GOOD] * 6))
    assert rule in {each.name for each in LINES}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (f"{GOOD}\n" * 4, "sentences"),
        (f"{GOOD}\n" * 6 + "Lorem ipsum dolor sit amet.", "lorem_ipsum"),
        (f"{GOOD}\n" * 6 + 'It said "{" and that was all."', "curly_brackets"),
        ("no line\nof these ends", NO_LINE),
    ],
)
def test_documents_that_are_thrown_away(text: str, rule: str) -> None:
    verdict = C4.judge(text)
    assert (verdict.rule, verdict.text) == (rule, text)


def test_marks_of_citations_go_and_blanks_around_lines() -> None:
    assert C4.judge(f"  {GOOD} \n" * 5 + "The sky is blue.[12][citation needed]").text.endswith("The sky is blue.")


def test_a_threshold_of_zero_keeps_lines_without_an_end() -> None:
    loose = Screen(("c4",), {"line_ends": 0, "sentences": None})
    assert loose.judge("three words only").rule == ""
