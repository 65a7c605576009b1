"""Rows left out are named with their reason."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.records import LawError
from analysis.table.excluded import ExcludedRow, describe_excluded, is_unfinished
from analysis.table.table import RunTable
from tests.unit.analysis.table.frames import frame


def test_runs_equal_but_for_rounding_are_one() -> None:
    table = RunTable.from_frame(pd.concat([frame(), frame().assign(loss=lambda d: d.loss * (1 + 1e-10))]))
    assert len(table) == 15
    assert "row 16, row 17, row 18, row 19, row 20 and 10 more" in describe_excluded(table.excluded)


def test_a_run_that_blew_up_is_left_out_by_name() -> None:
    table = RunTable.from_frame(frame().assign(loss=lambda d: d.loss.where(d.index != 3, 1e6)))
    assert len(table) == 14
    assert describe_excluded(table.excluded).startswith("1 row was left out: row 4 (its loss is over 100 times")


def test_rows_of_one_reason_are_named_together_and_many_are_counted() -> None:
    def row(run: str, reason: str) -> ExcludedRow:
        return ExcludedRow(run, None, None, None, reason)

    assert describe_excluded([]) == ""
    assert describe_excluded([row("a", "state is failed")]) == "1 row was left out: a (state is failed)."
    rows = [row("a", "x"), row("b", "y"), row("c", "x")]
    assert describe_excluded(rows) == "3 rows were left out: a, c (x); b (y)."
    seven = [row(f"r{i}", "x") for i in range(7)]
    assert describe_excluded(seven) == "7 rows were left out: r0, r1, r2, r3, r4 and 2 more (x)."
    assert describe_excluded(seven[:5]).endswith("r3, r4 (x).")


def test_many_reasons_are_counted() -> None:
    rows = [ExcludedRow(f"r{i}", None, None, None, f"reason {i}") for i in range(7)]
    assert describe_excluded(rows, 2) == "7 rows were left out: r0 (reason 0); r1 (reason 1); and 5 more reasons."


@pytest.mark.parametrize(
    "word",
    [
        *("done", "finished", "FINISHED", "TERMINATED", "COMPLETED", "Completed", "Succeeded", "success", "ok", "OK"),
        *("TrialState.COMPLETE", "STATE_COMPLETED", "RunStatus.FINISHED", " finished ", "SUCCESS", True, "CD"),
        *("JOB_STATE_SUCCEEDED", "TASK_STATUS_COMPLETED", "published", "Finalized", "converged", "PASS", "yes"),
    ],
)
def test_other_tools_words_for_finished_are_known(word: object) -> None:
    table = RunTable.from_frame(frame().assign(state=[word] * 14 + ["failed"]))
    assert len(table) == 14 and [row.reason for row in table.excluded] == ["state is failed"]


@pytest.mark.parametrize(
    "word",
    [
        *(
            "failed",
            "FAILED",
            "crashed",
            "killed",
            "CANCELLED by 1000",
            "RUNNING",
            "pending",
            "TIMEOUT",
            "OUT_OF_MEMORY",
        ),
        *("TrialState.PRUNED", "preempted", "stopped", "ERROR", False, "unheard of", ""),
    ],
)
def test_any_other_word_is_of_a_run_that_did_not_finish(word: object) -> None:
    data = frame().assign(state=["finished"] * 14 + [word])
    assert len(RunTable.from_frame(data)) == 14
    assert is_unfinished(data).tolist() == [False] * 14 + [True]
    assert not is_unfinished(frame()).any()


@pytest.mark.parametrize("name", ["status", "State", "run_status", "job-state", "job_status", "Trial State"])
def test_a_column_of_states_may_have_another_name(name: str) -> None:
    data = frame().assign(**{name: ["COMPLETED"] * 13 + ["FAILED"] * 2})
    assert [row.reason for row in RunTable.from_frame(data).excluded] == ["state is FAILED"] * 2


def test_a_column_by_another_name_counts_where_it_has_a_known_word() -> None:
    assert len(RunTable.from_frame(frame().assign(status="v1"))) == 15
    assert len(RunTable.from_frame(frame().assign(status=["v1"] * 14 + ["finished"]))) == 1


def test_states_that_nobody_knows_are_refused_with_the_way_out() -> None:
    with pytest.raises(LawError, match=r"\(state is bon\); write finished for finished runs, or remove the column"):
        RunTable.from_frame(frame().assign(state="bon"))
    with pytest.raises(LawError, match="write finished for finished runs"):
        RunTable.from_frame(frame().assign(state=["bon"] * 14 + ["crashed"]))
    with pytest.raises(LawError, match=r"with a loss \(8 × state is failed; 7 × state is running\)$"):
        RunTable.from_frame(frame().assign(state=["failed"] * 8 + ["running"] * 7))
