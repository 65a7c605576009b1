"""A log that is followed shows each line once, in order, and ends with its run."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
import typer

from orchestrator.cli import log_lines
from orchestrator.cli.log_lines import follow, grown, in_words
from orchestrator.cli.output import Format
from orchestrator.states import RunState

FIRST = {"kind": "attempt", "number": 1, "cause": None, "detail": None}
LOST = FIRST | {"cause": "lost", "detail": "its worker\ndied"}
SECOND = {"kind": "attempt", "number": 2, "cause": None, "detail": None}
DONE = SECOND | {"cause": "done", "detail": ""}


def event(attempt: int, step: int) -> dict[str, Any]:
    return {"attempt": attempt, "kind": "progress", "step": step, "loss": 3.0 / (step + 1)}


LOOKS: list[tuple[RunState, list[dict[str, Any]]]] = [
    (RunState.QUEUED, []),
    (RunState.RUNNING, [FIRST]),
    (RunState.RUNNING, [FIRST, event(1, 0)]),
    (RunState.QUEUED, [LOST, event(1, 0), event(1, 1)]),
    (RunState.DONE, [LOST, event(1, 0), event(1, 1), DONE, event(2, 2)]),
]
"""State and log of a run, look by look."""


def test_what_is_shown_only_grows() -> None:
    shown = [list(grown(rows)) for _, rows in LOOKS]
    assert len(shown) == 5 and all(later[: len(earlier)] == earlier for earlier, later in itertools.pairwise(shown))
    assert [line["kind"] for line in shown[-1]] == ["attempt", "progress", "progress", "ended", "attempt", "progress", "ended"]  # fmt: skip


@pytest.mark.parametrize("form", [Format.TABLE, Format.JSON])
def test_each_line_is_printed_once(
    form: Format, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    look = [0]

    def wait(_: float) -> None:
        look[0] += 1

    monkeypatch.setattr(log_lines.time, "sleep", wait)
    follow(lambda: LOOKS[look[0]][0], lambda: LOOKS[look[0]][1], form)
    printed = capsys.readouterr().out.splitlines()
    made = list(grown(LOOKS[-1][1]))
    assert printed == [json.dumps(line) if form is Format.JSON else in_words(line) for line in made]
    assert look == [4]


def test_a_line_says_what_it_counts() -> None:
    assert in_words(event(1, 2)) == "1  progress  step 2  loss 1"
    assert (
        in_words({"attempt": 1, "kind": "ended", "cause": "lost", "detail": "its worker\ndied"})
        == "1  ended  cause lost  detail died"
    )


def test_columns_that_are_not_known_yet_are_refused() -> None:
    with pytest.raises(typer.BadParameter, match="--follow prints lines"):
        follow(lambda: RunState.DONE, list, Format.CSV)
