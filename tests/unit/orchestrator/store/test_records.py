"""What the store's records say about themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.states import Hold, RunState
from orchestrator.store import RunRecord
from tests.unit.orchestrator.store_fixtures import sweep_record

RUN = RunRecord("r", {}, 8.0, None, RunState.QUEUED, 0, None, None, None, None, None, None)


@pytest.mark.parametrize(
    ("held", "reason", "on_hold", "waits"),
    [
        (None, None, "", ""),
        (None, "waits for a GPU", "", "waits for a GPU"),
        (Hold.PAUSED, None, "paused", ""),
        (Hold.PAUSED, "for lunch", "paused: for lunch", ""),
        (Hold.CANCELLED, "no more", "cancelled: no more", ""),
    ],
)
def test_a_sweep_is_held_or_waits(held: Hold | None, reason: str | None, on_hold: str, waits: str) -> None:
    sweep = sweep_record(held=held, held_reason=reason)
    assert (sweep.on_hold, sweep.waits, sweep.note) == (on_hold, waits, on_hold or waits)


@pytest.mark.parametrize("state", RunState)
@pytest.mark.parametrize("role", ["grid", "check", "validation"])
def test_a_check_of_the_recipe_answers_by_diverging_too(state: RunState, role: str) -> None:
    answered = state is RunState.DONE or (state is RunState.DIVERGED and role == "check")
    assert replace(RUN, state=state, role=role).answered == answered


def test_flops_spent_are_those_of_the_result_else_all() -> None:
    assert RUN.flops_spent is None
    assert replace(RUN, result={}).flops_spent == 8.0
    assert replace(RUN, result={"flops_spent": 3}).flops_spent == 3.0


def test_a_rerun_has_a_folder_of_checkpoints_of_its_own() -> None:
    assert [replace(RUN, restarted=n).checkpoints for n in (0, 2)] == ["checkpoints", "checkpoints-2"]
