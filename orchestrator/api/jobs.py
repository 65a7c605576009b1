"""What a request waits for while another process works on it: it ends when the client goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import ContextVar
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from orchestrator.use_cases.kept import REFUSALS, Kept

LEFT_SECONDS = 3.0
"""After which a value that nobody waits for any longer is cancelled: a process that ends takes as long to replace."""
Value = TypeVar("Value")

hearing: ContextVar[Receive | None] = ContextVar("hearing", default=None)
"""Receives from the client whose request is answered; None where there is no client."""


async def outcome_of(kept: Kept[Value], future: Future[Value]) -> Value:
    """What a kept computation gives; it goes on as long as one of those who asked for it is there.

    Raises what it raises, and ClientDisconnect if the client of this request goes first.
    """
    receive = hearing.get()
    made: asyncio.Future[Value] = asyncio.wrap_future(future)
    if not future.done() and receive is not None:
        await _together(kept, future, made, receive)
    try:
        return await asyncio.shield(made)
    except REFUSALS as error:  # kept, and raised again and again: its traceback would grow
        raise error.with_traceback(None) from None


async def _together(kept: Kept[Value], future: Future[Value], made: asyncio.Future[Value], receive: Receive) -> None:
    """Wait until a computation is done. Raises ClientDisconnect if the client goes first."""
    kept.wait(future)
    try:
        await _done_or_gone(made, receive)
    finally:
        kept.leave(future)
        asyncio.get_running_loop().call_later(LEFT_SECONDS, kept.cancel_unwanted, future)


async def waited_for(request: Request, executor: Executor, make: Callable[..., Value], *arguments: object) -> Value:
    """What `make(*arguments)` gives, once the request's body is read.

    Raises what it raises, TooManyJobs, and ClientDisconnect if the client goes first: then it is cancelled.
    """
    job: asyncio.Future[Value] = asyncio.wrap_future(executor.submit(make, *arguments))
    try:
        await _done_or_gone(job, request.receive)
        return job.result()
    finally:
        job.cancel()


async def _done_or_gone(made: asyncio.Future[Value], receive: Receive) -> None:
    """Wait until something is made. Raises ClientDisconnect if the client goes first."""
    gone: asyncio.Future[None] = asyncio.ensure_future(_gone(receive))
    waiting: set[asyncio.Future[Any]] = {made, gone}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not made.done():
            raise ClientDisconnect
    finally:
        gone.cancel()


async def _gone(receive: Receive) -> None:
    """Returns when a client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
