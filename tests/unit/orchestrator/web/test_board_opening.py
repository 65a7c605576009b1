"""The forms that open a board: numbers in any notation, and what is wrong with each beside its field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.boards import Metric, NewBoard
from orchestrator.use_cases.board_choices import OpeningChoices
from orchestrator.web.board_opening import TypedBoard, opening_forms

NOW = datetime(2026, 12, 1, tzinfo=UTC)
RUNS = {"metric": "bits-per-byte", "name": "speed", "corpus": "lab", "flops": "8×10⁹", "closes": "1d"}
FORECASTS = RUNS | {"metric": "forecast", "name": "scaling", "target": "1.6e10"}
CHOICES = OpeningChoices(("lab",), ("autumn",))


def test_a_board_of_runs_is_typed() -> None:
    more = {"baseline": "lab", "unique_tokens": "2 M", "group": "autumn", "entries": "3", "target": "x", "shown": "on"}
    typed = TypedBoard(RUNS | more, b"\xef\xbb\xbfgr\xc3\xb6\xc3\x9fer\r\n")
    assert typed.problems(NOW) == {} and typed.baseline == "lab"
    closes = datetime(2026, 12, 2, tzinfo=UTC).timestamp()
    assert typed.board(NOW) == NewBoard(
        "speed", Metric.BITS, "lab", 8e9, closes, 2_000_000, "autumn", 3, "größer\r\n", None, False
    )


def test_a_board_of_forecasts_is_typed() -> None:
    typed = TypedBoard(FORECASTS | {"target_shown": "on", "baseline": "lab"}, b"ignored")
    board = typed.board(NOW)
    assert (board.metric, board.target, board.target_shown, board.text) == (Metric.FORECAST, 1.6e10, True, "")
    assert (board.entries, board.unique_tokens, typed.baseline) == (5, None, None)
    assert TypedBoard(FORECASTS).board(NOW).target_shown is False


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"flops": "many"}, "flops", "'many' is not a number: type a number of FLOPs, such as 8e9"),
        ({"flops": ""}, "flops", "type a number of FLOPs above 0, such as 8e9"),
        ({"target": "-1"}, "target", "type a number of FLOPs above 0, such as 1.6e10"),
        ({"closes": "soon"}, "closes", "'soon' is no time"),
        ({"entries": "1.5"}, "entries", "type a number of entries without a fraction"),
        ({"unique_tokens": "1e30"}, "unique_tokens", "type a number of tokens without a fraction"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(changes: dict[str, str], field: str, words: str) -> None:
    typed = TypedBoard(FORECASTS | changes)
    assert list(typed.problems(NOW)) == [field]
    forms = opening_forms(CHOICES, typed, typed.problems(NOW))
    (wrong,) = (each for each in forms.parts[Metric.FORECAST] if each.problem)
    assert (wrong.name, wrong.value) == (field, changes[field]) and words in wrong.problem
    assert not any(each.value or each.problem for each in forms.parts[Metric.BITS])


@pytest.mark.parametrize(
    ("file", "problems", "words"),
    [
        (b"\xff", None, "not UTF-8"),
        (b"text", {"name": "taken"}, "choose the file again"),
        (b"text", {"text": "too long"}, "too long"),
        (None, {"name": "taken"}, ""),
    ],
)
def test_a_file_is_chosen_again(file: bytes | None, problems: Any, words: str) -> None:
    typed = TypedBoard(RUNS, file)
    assert words in opening_forms(CHOICES, typed, problems or typed.problems(NOW)).file


def test_what_is_about_no_field_is_said_above_the_form_that_was_sent() -> None:
    forms = opening_forms(CHOICES, TypedBoard(FORECASTS), {"": "the database is away"})
    assert (forms.sent, forms.problem) == (Metric.FORECAST, "the database is away")
    assert opening_forms(CHOICES).sent is None
