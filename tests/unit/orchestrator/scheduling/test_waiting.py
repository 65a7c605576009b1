"""The order of the runs of one user."""

from __future__ import annotations

from orchestrator.scheduling.waiting import Waiting


def test_the_longest_goes_first_and_those_that_go_later_behind_all_others() -> None:
    runs = [Waiting("c", 1.0), Waiting("later", 9.0, later=True), Waiting("b", 5.0), Waiting("a", 5.0)]
    assert [run.run_id for run in sorted(runs, key=lambda run: run.order)] == ["a", "b", "c", "later"]
