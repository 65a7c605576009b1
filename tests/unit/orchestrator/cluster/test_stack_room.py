"""Attempts of a stack, each in a thread: the last to come trains all, and each hears of its own end at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from orchestrator.attempts import Assignment, Outcome
from orchestrator.cluster.stack_room import StackRoom, Tell
from orchestrator.states import Cause
from tests.unit.orchestrator.cluster.pool import assignment


def stack_of(*runs: str) -> list[Assignment]:
    return [replace(assignment(run), stack=runs) for run in runs]


def test_a_run_alone_is_trained_at_once() -> None:
    def train(given: Sequence[Assignment], tell: Tell) -> None:
        tell(given[0], Outcome(Cause.DONE, detail=f"{len(given)}"))

    assert StackRoom().outcome_of(assignment("a"), train).detail == "1"


def test_each_gets_its_own_outcome_as_soon_as_it_is_told() -> None:
    room, calls, go_on = StackRoom(), [], threading.Event()

    def train(given: Sequence[Assignment], tell: Tell) -> None:
        calls.append(sorted(each.run_id for each in given))
        by_run = {each.run_id: each for each in given}
        tell(by_run["b"], Outcome(Cause.DIVERGED, detail="b"))
        assert go_on.wait(20)
        tell(by_run["a"], Outcome(Cause.DONE, detail="a"))
        tell(by_run["c"], Outcome(Cause.DONE, detail="c"))

    with ThreadPoolExecutor(3) as threads:
        a, b, c = (threads.submit(room.outcome_of, each, train) for each in stack_of("a", "b", "c"))
        go_on.set()
        assert [future.result(20).detail for future in (a, b, c)] == ["a", "b", "c"]
    assert calls == [["a", "b", "c"]]


def test_two_stacks_do_not_mix() -> None:
    room, calls = StackRoom(), []

    def train(given: Sequence[Assignment], tell: Tell) -> None:
        calls.append(tuple(sorted(each.run_id for each in given)))
        for each in given:
            tell(each, Outcome(Cause.DONE))

    with ThreadPoolExecutor(4) as threads:
        made = [*stack_of("a", "b"), *stack_of("c", "d")]
        futures = [threads.submit(room.outcome_of, made[i], train) for i in (0, 2, 1, 3)]
        assert all(future.result(20).cause is Cause.DONE for future in futures)
    assert sorted(calls) == [("a", "b"), ("c", "d")]


def test_an_error_of_training_reaches_the_one_that_trained() -> None:
    def train(given: Sequence[Assignment], tell: Tell) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        StackRoom().outcome_of(assignment("a"), train)
