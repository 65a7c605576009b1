"""The table of runs: filtered, sorted by any column, and cut into parts."""

from __future__ import annotations

import pandas as pd

from orchestrator.web.runs_table import LONGEST, RunFilter, runs_table

FRAME = pd.DataFrame(
    [
        {"run": "aa", "state": "done", "role": "grid", "budget": 1e12, "params": 9e4, "loss": 3.1, "shape": "L2 d8"},
        {"run": "bb", "state": "done", "role": "grid", "budget": 1e12, "params": 5e4, "loss": 3.3, "shape": "L2 d4"},
        {
            "run": "cc",
            "state": "queued",
            "role": "check",
            "budget": 9e12,
            "params": 1e3,
            "loss": None,
            "shape": "L4 d8",
        },
    ]
)


def ids(wanted: RunFilter, part: slice = slice(None)) -> list[str]:
    return [row.run for row in runs_table(FRAME, "/runs", wanted, part).rows]


def test_runs_are_sorted_and_what_is_unknown_is_last() -> None:
    assert ids(RunFilter()) == ["bb", "aa", "cc"]
    assert ids(RunFilter(sort="loss")) == ["aa", "bb", "cc"]
    assert ids(RunFilter(sort="-loss")) == ["bb", "aa", "cc"]
    assert ids(RunFilter(sort="-shape")) == ["cc", "aa", "bb"]
    assert ids(RunFilter(sort="nonsense")) == ["bb", "aa", "cc"]
    assert ids(RunFilter(), slice(1, 2)) == ["aa"]


def test_runs_are_filtered_by_state_and_text() -> None:
    assert ids(RunFilter(state="queued")) == ["cc"]
    assert ids(RunFilter(text="D8")) == ["aa", "cc"] and ids(RunFilter(text="check")) == ["cc"]
    table = runs_table(FRAME, "/runs", RunFilter(text="d8", state="done"), slice(None))
    assert (table.found, table.total) == (1, 3) and "diverged" in table.states
    assert runs_table(FRAME, "/runs", RunFilter(text="zz"), slice(None)).headings == []


def test_a_heading_sorts_by_its_column_and_then_the_other_way_round() -> None:
    wanted = RunFilter.of({"state": "done", "sort": "loss", "text": "d" * 99, "other": "x"})
    assert wanted.text == "d" * LONGEST
    table = runs_table(FRAME, "/runs", RunFilter(state="done", sort="loss"), slice(None))
    loss = next(each for each in table.headings if each.title == "Loss")
    assert (loss.href, loss.sorted, loss.number) == ("/runs?state=done&sort=-loss", "ascending", True)
    budget = next(each for each in table.headings if each.title == "Budget")
    assert (budget.href, budget.sorted) == ("/runs?state=done&sort=budget", "")
