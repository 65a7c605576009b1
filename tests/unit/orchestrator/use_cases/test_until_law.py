"""From which point on a law is possible: by the sizes that are done, that can still be done, and that cannot."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.states import RunState
from orchestrator.use_cases.until_law import Awaited, awaited, until_law
from tests.unit.orchestrator.use_cases.simulated import simulated_answers

RUNS = simulated_answers(vary={"context": [128, 64]}).runs


def test_sizes_of_each_budget_are_counted_by_variant() -> None:
    every = awaited(RUNS, "context=64")
    assert [each.budget for each in every] == [1e11, 3e11, 1e12]
    assert all(each.done == each.planned >= 5 and each.missing == 0 for each in every)
    waiting = [replace(run, state=RunState.QUEUED) for run in RUNS]
    assert [each.done for each in awaited(waiting)] == [0, 0, 0]
    failed = [replace(run, state=RunState.FAILED) for run in RUNS]
    assert [each.planned for each in awaited(failed)] == [0, 0, 0]
    assert awaited([replace(run, role="check") for run in RUNS]) == []


def test_the_sentence_names_the_fewest_runs_that_are_missing() -> None:
    budgets = [Awaited(1e11, 5, 7), Awaited(3e11, 2, 7), Awaited(1e12, 4, 7), Awaited(3e12, 0, 7)]
    assert until_law(budgets) == (
        "A law needs 5 sizes at each of 3 budgets. It is possible after 4 more runs at the least: "
        "1 at 10¹² and 3 at 3×10¹¹ FLOPs."
    )
    assert until_law(budgets[:2]).endswith(
        "Here only 2 budgets can have so many: extend the sweep, or retry what failed."
    )
    assert "no budget can" in until_law([Awaited(1e11, 0, 4)])
    assert until_law([Awaited(each, 5, 5) for each in (1e11, 2e11, 4e11)]).endswith("a law is possible now.")
