"""Attempts of a stack, each in a thread: one more thread trains all, and each hears of its own end at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

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
        assert go_on.wait(60)
        tell(by_run["a"], Outcome(Cause.DONE, detail="a"))
        tell(by_run["c"], Outcome(Cause.DONE, detail="c"))

    with ThreadPoolExecutor(3) as threads:
        a, b, c = (threads.submit(room.outcome_of, each, train) for each in stack_of("a", "b", "c"))
        go_on.set()
        assert [future.result(60).detail for future in (a, b, c)] == ["a", "b", "c"]
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
        assert all(future.result(60).cause is Cause.DONE for future in futures)
    assert sorted(calls) == [("a", "b"), ("c", "d")]


def test_an_error_of_training_reaches_those_without_an_outcome() -> None:
    def train(given: Sequence[Assignment], tell: Tell) -> None:
        tell(given[0], Outcome(Cause.DONE))
        raise RuntimeError("no")

    room = StackRoom()
    with ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(room.outcome_of, each, train) for each in stack_of("a", "b")]
        errors = [future.exception(60) for future in futures]
    assert sorted(map(str, errors)) == ["None", "no"]


def until(found: Callable[[], list[Assignment]]) -> list[Assignment]:
    """What is found once something is."""
    deadline = time.monotonic() + 60
    while not (what := found()):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return what


def test_one_that_enters_is_trained_with_the_others_or_after_them() -> None:
    room, begun, let_in, calls = StackRoom(), threading.Event(), threading.Event(), list[list[str]]()

    def train(given: Sequence[Assignment], tell: Tell) -> None:
        """Let in the first that comes, and end when the second has come."""
        calls.append([each.run_id for each in given])
        for each in given:
            tell(each, Outcome(Cause.DONE, detail="began"))
        if len(calls) == 1:
            begun.set()
            tell(until(room.entered)[0], Outcome(Cause.DONE, detail="entered"))
            let_in.set()
            until(lambda: room._entering)

    b, c, d = (replace(assignment(run), stack=("a", run), enters=True) for run in "bcd")
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(room.outcome_of, assignment("a"), train)]
        assert begun.wait(60)
        futures.append(threads.submit(room.outcome_of, b, train))
        assert let_in.wait(60)
        futures.append(threads.submit(room.outcome_of, c, train))
        assert [future.result(60).detail for future in futures] == ["began", "entered", "began"]
        assert threads.submit(room.outcome_of, d, train).result(60).detail == "began"
    assert calls == [["a"], ["c"], ["d"]], "one came too late to enter, and one when nothing was in training"
