"""The desk: what fifty ask for is computed once, whoever goes away meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect, Request

from analysis.records import LawError
from orchestrator.api import jobs
from orchestrator.api.desk import Desk
from orchestrator.api.documents import Document, json_document
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.execution import Execution
from tests.unit.orchestrator.use_cases.homes import small_home
from tests.unit.orchestrator.use_cases.simulated import simulated_answers

ASKED = Request({"type": "http", "headers": []})


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    workspace = small_home(tmp_path)
    return Desk(workspace, Background(Execution(workspace)))


def test_fifty_who_ask_get_the_document_that_is_made_once(desk: Desk) -> None:
    made: list[int] = []
    go = threading.Event()

    def make(number: int) -> Document:
        assert go.wait(30)
        made.append(number)
        return json_document(number)

    async def ask() -> list[bytes]:
        asked = [asyncio.create_task(desk.document(ASKED, "key", make, 7)) for _ in range(50)]
        await asyncio.sleep(0)
        asked[0].cancel()  # who goes away takes nothing from the others
        go.set()
        return [bytes((await each).body) for each in asked[1:]]

    assert set(asyncio.run(ask())) == {b"7"} and made == [7]


def test_a_refusal_is_made_once_and_its_traceback_does_not_grow(desk: Desk) -> None:
    made: list[str] = []

    def refuse() -> Document:
        made.append("refused")
        raise LawError("too few runs")

    async def depth() -> int:
        with pytest.raises(LawError, match="too few runs") as caught:
            await desk.computed(ASKED, "law", refuse)
        return len(caught.traceback)

    depths = [asyncio.run(depth()) for _ in range(5)]
    assert made == ["refused"] and depths[1:] == [depths[1]] * 4


def test_a_law_that_runs_do_not_give_is_a_refusal(desk: Desk) -> None:
    async def fit() -> None:
        await desk.fitted(await desk.sweep("demo"), "")

    with pytest.raises(LawError):
        asyncio.run(fit())


def test_what_nobody_waits_for_any_longer_is_cancelled(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LEFT_SECONDS", 0.01)
    go, made = threading.Event(), list[str]()
    busy = [desk._threads.submit(go.wait, 30) for _ in range(2)]  # all threads: what is asked for waits

    def make() -> Document:
        made.append("made")
        return json_document(1)

    async def ask(key: str, stays: bool) -> bytes:
        async def receive() -> dict[str, str]:
            await asyncio.sleep(30 if stays else 0)
            return {"type": "http.disconnect"}

        jobs.hearing.set(receive)
        return bytes((await desk.document(ASKED, key, make)).body)

    async def together() -> bytes:
        left, shared = asyncio.create_task(ask("left", False)), asyncio.create_task(ask("shared", False))
        staying = asyncio.create_task(ask("shared", True))
        for each in (left, shared):
            with pytest.raises(ClientDisconnect):
                await each
        while len(desk._documents) > 1:
            await asyncio.sleep(0.01)
        go.set()
        return await staying

    assert asyncio.run(together()) == b"1" and made == ["made"]
    assert all(each.result() for each in busy)


def test_who_asks_while_a_live_page_is_made_again_gets_the_one_before(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.25]
    monkeypatch.setattr("orchestrator.api.desk.time", types.SimpleNamespace(monotonic=lambda: clock[0]))
    go, made = threading.Event(), list[int]()

    def make() -> Document:
        made.append(len(made))
        assert len(made) == 1 or go.wait(30)
        return json_document(made[-1])

    async def ask() -> bytes:
        return bytes((await desk.document(ASKED, "key", make, settled=False)).body)

    assert asyncio.run(ask()) == b"0"
    clock[0] += 1.0
    assert asyncio.run(ask()) == b"0", "the next one is being made"
    go.set()
    until(lambda: desk._documents.ready(("key", 102)) is not None)
    assert asyncio.run(ask()) == b"1" and made == [0, 1]
    clock[0] += 2.0
    assert asyncio.run(ask()) == b"2", "what is older is not given"


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    while not holds():
        time.sleep(0.005)


def test_the_law_of_many_runs_is_made_in_two_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.use_cases.law_parts.MANY_RUNS", 10)
    workspace = small_home(tmp_path)
    desk, answers = Desk(workspace, Background(Execution(workspace))), simulated_answers()
    monkeypatch.setattr(desk.current, "answers", lambda found: answers)
    made: list[str] = []
    get = desk._made.get
    monkeypatch.setattr(desk._made, "get", lambda key, make, *rest: made.append(make.__name__) or get(key, make, *rest))

    async def fit() -> None:
        await desk.fitted(await desk.sweep("demo"), "")

    asyncio.run(fit())
    assert made == ["bare_law", "holdout_records"] and answers.has_law()
