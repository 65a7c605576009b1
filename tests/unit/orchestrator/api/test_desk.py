"""The desk: what fifty ask for is computed once, whoever goes away meanwhile."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from starlette.requests import Request

from analysis.records import LawError
from orchestrator.api.desk import Desk
from orchestrator.api.documents import Document, json_document
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.execution import Execution
from tests.unit.orchestrator.use_cases.homes import small_home

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
