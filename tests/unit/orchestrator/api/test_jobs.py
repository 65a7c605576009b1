"""What a request waits for in another process ends when its client goes."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor, Future
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from orchestrator.api.jobs import waited_for


class Later(Executor):
    """Gives futures that nobody carries out."""

    def __init__(self) -> None:
        self.jobs: list[Future[Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.jobs.append(Future())
        return self.jobs[-1]


def request(gone: asyncio.Event) -> Request:
    """A request whose client goes when the event is set."""

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http"}, receive)


async def started(gone: asyncio.Event, later: Later) -> asyncio.Task[Any]:
    task = asyncio.create_task(waited_for(request(gone), later, str))
    while not later.jobs:
        await asyncio.sleep(0)
    return task


def test_the_work_is_cancelled_when_the_client_goes() -> None:
    async def story() -> Future[Any]:
        gone, later = asyncio.Event(), Later()
        task = await started(gone, later)
        gone.set()
        with pytest.raises(ClientDisconnect):
            await task
        return later.jobs[0]

    assert asyncio.run(story()).cancelled()


def test_its_outcome_is_the_answer_of_a_client_who_stays() -> None:
    async def story() -> list[Any]:
        gone, later = asyncio.Event(), Later()
        first = await started(gone, later)
        later.jobs[0].set_result("made")
        second = asyncio.create_task(waited_for(request(gone), later, str))
        while len(later.jobs) < 2:
            await asyncio.sleep(0)
        later.jobs[1].set_exception(ValueError("wrong"))
        return list(await asyncio.gather(first, second, return_exceptions=True))

    made, failed = asyncio.run(story())
    assert made == "made" and isinstance(failed, ValueError)
