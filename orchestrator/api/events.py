"""Server-Sent Events of a sweep's progress: one reader for each sweep, however many listen."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated

from fastapi import FastAPI, Header, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from orchestrator.api.desk import Desk
from orchestrator.api.documents import json_text
from orchestrator.scheduling.progress import progress_json

EVENT_SECONDS = 1.0
"""Seconds between two looks of a reader at its sweep, if few listen."""
LISTENERS_A_SECOND = 100
"""Listeners of a sweep that are told something each second, at most."""
GROUP = 10
"""Listeners that are told at a time: between two groups the service answers others."""
HEARTBEAT_SECONDS = 15.0
"""Seconds without news after which a stream sends a comment, so that the connection stays open."""


@dataclass(frozen=True)
class News:
    """A sweep's progress at a moment."""

    text: str
    """The progress as JSON."""
    finished: bool
    """Whether nothing more will come."""

    @cached_property
    def id(self) -> str:
        """Identity of the event: a hash of what it says, so that it holds across restarts of the service."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @cached_property
    def event(self) -> str:
        """The event as it is sent."""
        return f"id: {self.id}\nevent: progress\ndata: {self.text}\n\n"


Read = Callable[[str], Awaitable[News]]
"""Reads the progress of the sweep of a name."""


@dataclass(slots=True)
class _Feed:
    """What one reader has read of a sweep, for all who listen."""

    listeners: int = 0
    """How many they are."""
    latest: News | None = None
    """What it read last; None before the first time."""
    error: Exception | None = None
    """Why it ended, unless the sweep is finished."""
    waiting: set[asyncio.Future[None]] = field(default_factory=set)
    """What each listener waits for: done once there is news."""


class Feeds:
    """The readers of one service."""

    def __init__(self, read: Read) -> None:
        """Read by `read`."""
        self._read = read
        self._feeds: dict[tuple[int, str], tuple[_Feed, asyncio.Task[None]]] = {}

    async def listen(self, name: str, last: str = "") -> AsyncGenerator[str, None]:
        """The progress of a sweep as events, one for each change, until it is finished.

        `last` is the id of the event that the listener had last: it is not sent again.
        """
        key = (id(asyncio.get_running_loop()), name)
        feed = self._join(key)
        try:
            sent = last
            while True:
                news = feed.latest
                if news is not None and news.id != sent:
                    sent = news.id
                    yield news.event
                    continue  # meanwhile there may be more
                if feed.error is not None or (news is not None and news.finished):
                    return
                told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                feed.waiting.add(told)
                quiet = False
                try:
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        await told
                except TimeoutError:
                    quiet = True
                finally:
                    feed.waiting.discard(told)
                if quiet:
                    yield ": still here\n\n"
        finally:
            self._leave(key, feed)

    def _join(self, key: tuple[int, str]) -> _Feed:
        """The feed of a sweep, with a reader."""
        if key not in self._feeds:
            feed = _Feed()
            self._feeds[key] = feed, asyncio.get_running_loop().create_task(self._follow(key, feed))
        feed = self._feeds[key][0]
        feed.listeners += 1
        return feed

    def _leave(self, key: tuple[int, str], feed: _Feed) -> None:
        """Let a listener go; the last one ends the reader."""
        feed.listeners -= 1
        known = self._feeds.get(key)
        if feed.listeners == 0 and known is not None and known[0] is feed:
            known[1].cancel()
            del self._feeds[key]

    async def _follow(self, key: tuple[int, str], feed: _Feed) -> None:
        """Read a sweep again and again, until it is finished."""
        try:
            while True:
                news = await self._read(key[1])
                if news != feed.latest:
                    feed.latest = news
                    await self._tell(feed)
                if news.finished:
                    break
                await asyncio.sleep(max(EVENT_SECONDS, feed.listeners / LISTENERS_A_SECOND))
        except Exception as error:  # noqa: BLE001 - the listeners come again, and are told by the route
            feed.error = error
            await self._tell(feed)
        if key in self._feeds and self._feeds[key][0] is feed:
            del self._feeds[key]

    @staticmethod
    async def _tell(feed: _Feed) -> None:
        """Wake those who listen, group by group."""
        waiting = list(feed.waiting)
        feed.waiting.clear()
        for start in range(0, len(waiting), GROUP):
            for told in waiting[start : start + GROUP]:
                if not told.done():  # else its listener has gone meanwhile
                    told.set_result(None)
            await asyncio.sleep(0)


async def while_let_in(stream: AsyncGenerator[str, None], stays: Callable[[], Awaitable[bool]]) -> AsyncIterator[str]:
    """A stream until its listener is no longer let in: `stays` is asked once in HEARTBEAT_SECONDS."""
    asked = time.monotonic()
    async with aclosing(stream):
        async for text in stream:
            if time.monotonic() - asked >= HEARTBEAT_SECONDS:
                if not await stays():
                    return
                asked = time.monotonic()
            yield text


class EventStream(StreamingResponse):
    """A stream of events; the class names its media type in the OpenAPI document."""

    media_type = "text/event-stream"


def install(app: FastAPI, desk: Desk) -> None:
    """Add the route that streams a sweep's progress."""

    def look(name: str) -> News:
        """How far a sweep is."""
        found = desk.current.sweep(name)
        progress = desk.progress(found)
        facts = {"name": found.sweep.name, "revision": found.sweep.revision}
        return News(json_text(facts | progress_json(progress)), progress.finished)

    async def read(name: str) -> News:
        """`look` in a thread."""
        return await run_in_threadpool(look, name)

    feeds = Feeds(read)

    @app.get("/api/v1/sweeps/{name}/events", tags=["sweeps"], response_class=EventStream)
    async def events(
        request: Request,
        name: str,
        last_event_id: Annotated[str, Header(description="The event that the client had last.")] = "",
    ) -> EventStream:
        """Server-Sent Events: `progress` whenever it changes, until the sweep is finished.

        Each has an id; who comes again with `Last-Event-ID` gets what is new since.
        """
        found = await desk.sweep(name)
        revision = f"{found.sweep.name}@{found.sweep.revision}"
        stream = while_let_in(feeds.listen(revision, last_event_id), request.state.stays)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return EventStream(stream, headers=headers)
