"""What a request waits for while another process works on it: it ends when the client goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

Value = TypeVar("Value")


async def waited_for(request: Request, executor: Executor, make: Callable[..., Value], *arguments: object) -> Value:
    """What `make(*arguments)` gives, once the request's body is read.

    Raises what it raises, TooManyJobs, and ClientDisconnect if the client goes first: then it is cancelled.
    """
    job: asyncio.Future[Value] = asyncio.wrap_future(executor.submit(make, *arguments))
    gone: asyncio.Future[None] = asyncio.ensure_future(_gone(request))
    waiting: set[asyncio.Future[Any]] = {job, gone}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not job.done():
            raise ClientDisconnect
        return job.result()
    finally:
        gone.cancel()
        job.cancel()


async def _gone(request: Request) -> None:
    """Returns when the client of a request whose body is read has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
