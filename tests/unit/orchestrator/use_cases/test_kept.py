"""What is kept: one computation for all who wait, refusals with it, and no more than fits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest

from analysis.records import LawError
from orchestrator.use_cases.kept import REFUSALS_KEPT, Kept


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def test_fifty_who_ask_for_the_same_cause_one_computation(executor: Executor) -> None:
    kept: Kept[int] = Kept(executor, 10)
    calls, go = [], threading.Event()

    def make(value: int) -> int:
        calls.append(value)
        assert go.wait(30)
        return value

    futures = [kept.get("law", make, 7) for _ in range(50)]
    go.set()
    assert {future.result(30) for future in futures} == {7} and calls == [7]
    assert kept.get("law", make, 8).result(30) == 7, "it is kept"


def test_a_refusal_is_kept_and_a_failure_is_not(executor: Executor) -> None:
    kept: Kept[int] = Kept(executor, 10)
    calls: list[str] = []

    def fail(error: Exception) -> int:
        calls.append(str(error))
        raise error

    for error in (LawError("few runs"), LawError("asked again"), OSError("away"), OSError("still away")):
        with pytest.raises(type(error)):
            kept.get(type(error), fail, error).result(30)
        executor.submit(lambda: None).result(30)
    assert calls == ["few runs", "away", "still away"]


def test_refusals_have_a_limit_where_values_are_weighed_by_their_bytes(executor: Executor) -> None:
    kept: Kept[str] = Kept(executor, 4 * REFUSALS_KEPT, len)

    for number in range(REFUSALS_KEPT + 5):
        refused: Future[str] = Future()
        refused.set_exception(LawError("too few runs"))
        kept._futures[number] = refused
        kept._settle(number, refused)
    assert len(kept) == REFUSALS_KEPT and kept._weight == 4 * REFUSALS_KEPT


def test_the_longest_unused_go_first(executor: Executor) -> None:
    kept: Kept[str] = Kept(executor, 10, len)
    for key, length in (("a", 4), ("b", 4), ("a", 4), ("c", 5)):
        kept.get(key, "x".__mul__, length).result(30)
        while len(kept._weights) < len(kept):  # settled by the thread that made it
            pass
    assert set(kept._futures) == {"a", "c"}
    kept.get("d", "x".__mul__, 11).result(30)
    while kept._weights:
        pass
    assert len(kept) == 0, "what is larger than all that may be kept is handed out and forgotten"
