"""Processes beside a service: users take turns and have limits, and what nobody waits for any longer is ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

from orchestrator.errors import meaning_of
from orchestrator.use_cases import workshop as module
from orchestrator.use_cases.bench import WorkshopError
from orchestrator.use_cases.workshop import TooManyJobs, Workshop, asking, planning_workshop


class Hands:
    """Stands for a process: carries functions out here, and can be ended as one."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def carry_out(self, function: Callable[..., Any], arguments: tuple[Any, ...], seconds: float) -> Any:
        self.ended.clear()
        return function(*arguments)

    def end(self) -> None:
        self.ended.set()

    close = end


class Gate:
    """Work that waits until it is let through, and notes the order in which it began."""

    def __init__(self) -> None:
        self.open, self.began = threading.Event(), list[str]()

    def __call__(self, name: str) -> str:
        self.began.append(name)
        assert self.open.wait(30)
        return name


@pytest.fixture
def workshops(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Workshop]]:
    monkeypatch.setattr(module, "Bench", Hands)
    made: list[Workshop] = []

    def make(*arguments: Any) -> Workshop:
        made.append(Workshop(*arguments))
        return made[-1]

    yield make
    for each in made:
        each.shutdown()


def ask(workshop: Workshop, user: str, *work: Any) -> Future[Any]:
    token = asking.set(user)
    try:
        return workshop.submit(*work)
    finally:
        asking.reset(token)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_users_take_turns_however_much_one_asks_for(workshops: Callable[..., Workshop]) -> None:
    workshop, gate = workshops(1, 60.0, 10), Gate()
    jobs = [ask(workshop, user, gate, name) for user, name in zip("aaab", ("a1", "a2", "a3", "b1"), strict=True)]
    until(lambda: len(gate.began) == 1)
    gate.open.set()
    assert [job.result(30) for job in jobs] == ["a1", "a2", "a3", "b1"]
    assert gate.began in (["a1", "a2", "b1", "a3"], ["a1", "b1", "a2", "a3"])


def test_one_user_leaves_a_process_to_the_others(workshops: Callable[..., Workshop]) -> None:
    workshop, gate = workshops(2, 60.0, 10, 1), Gate()
    jobs = [ask(workshop, "a", gate, f"a{number}") for number in range(3)]
    until(lambda: gate.began == ["a0"])
    jobs.append(ask(workshop, "b", gate, "b0"))
    until(lambda: gate.began == ["a0", "b0"])
    gate.open.set()
    assert [job.result(30) for job in jobs] == ["a0", "a1", "a2", "b0"]


def test_beyond_the_limit_a_user_is_refused_and_others_are_not(workshops: Callable[..., Workshop]) -> None:
    workshop, gate = workshops(1, 60.0, 2), Gate()
    jobs = [ask(workshop, "a", gate, f"a{number}") for number in range(2)]
    with pytest.raises(TooManyJobs, match="2 computations wait or are under way for a, as many as") as refused:
        ask(workshop, "a", gate, "a2")
    assert meaning_of(refused.value).status == 429
    jobs.append(ask(workshop, "b", gate, "b0"))
    gate.open.set()
    assert [job.result(30) for job in jobs] == ["a0", "a1", "b0"]
    until(lambda: ask(workshop, "a", str).result(30) == "")


def test_what_is_cancelled_is_never_begun_or_its_process_is_ended(workshops: Callable[..., Workshop]) -> None:
    workshop, gate = workshops(1, 60.0, 2), Gate()
    (hands,) = workshop._all
    assert isinstance(hands, Hands)
    first, second = (ask(workshop, "a", gate, name) for name in ("first", "second"))
    until(lambda: gate.began == ["first"])
    assert second.cancel() and not first.cancel()
    assert hands.ended.is_set(), "its process is ended"
    third = ask(workshop, "a", gate, "third")
    gate.open.set()
    assert third.result(30) == "third" and gate.began == ["first", "third"]
    with pytest.raises(CancelledError):
        second.result(30)


def test_an_end_refuses_what_waits_and_takes_nothing_more(workshops: Callable[..., Workshop]) -> None:
    workshop, gate = workshops(1, 60.0, 5), Gate()
    first, second = (ask(workshop, "a", gate, name) for name in ("first", "second"))
    until(lambda: gate.began == ["first"])
    workshop.shutdown(wait=False)
    assert isinstance(second.exception(30), WorkshopError)
    gate.open.set()
    assert first.result(30) == "first"
    with pytest.raises(WorkshopError, match="the service is ending"):
        workshop.submit(str)


def test_plans_leave_a_process_to_whoever_comes_second() -> None:
    planning = planning_workshop()
    assert planning._at_a_time < len(planning._all) and planning._most > planning._at_a_time
    planning.shutdown()


def test_the_process_used_last_goes_on_unless_the_one_that_has_rested_longest_is_wanted(
    workshops: Callable[..., Workshop], monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop, used = workshops(2, 60.0, 5), list[int]()
    for number, hands in enumerate(workshop._all):
        monkeypatch.setattr(hands, "carry_out", lambda function, arguments, seconds, n=number: used.append(n))

    def carry_out(*, rested: bool) -> None:
        workshop.carry_out(str, rested=rested).result(30)
        until(lambda: len(workshop._idle) == 2)

    for rested in (False, False, True, False):
        carry_out(rested=rested)
    assert used == [1, 1, 0, 0]
