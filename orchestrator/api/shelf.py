"""Answers that are given again before a route is looked for: as long as nothing was written, they are still true."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.api.documents import Document, reply
from orchestrator.api.repeats import may_repeat
from orchestrator.api.stamped_cache import StampedCache
from orchestrator.people import Actor

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Laid:
    """An answer that may be given again."""

    document: Document
    """What was answered."""
    until: float
    """Reading of the monotonic clock up to which it is true, if nothing is written before."""


class Shelf:
    """The layer of an application that knows what its routes have just answered.

    It is empty again after each change of the database. What one role was given, only the same role gets from it, so
    that each route has checked the role once.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Put the layer around `app`."""
        self._app = app
        self._cache: StampedCache[Laid] = StampedCache()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        stamp = scope["state"].get("stamp") if scope["type"] == "http" and scope["method"] == "GET" else None
        if stamp is None:
            await self._app(scope, receive, send)
            return
        place = _place(scope)
        laid = self._cache.get(stamp, place)
        if laid is not None and time.monotonic() < laid.until:
            may_repeat(scope, laid.until)
            await reply(Request(scope), laid.document)(scope, receive, send)
            return
        await self._app(scope, receive, send)
        laid = scope["state"].get("laid")
        if laid is not None:
            self._cache.put(stamp, place, laid, laid.document.size)


def lay(request: Request, found: Document, until: float = FOREVER) -> None:
    """Say that the answer to a request depends on its address, the database and, after `until`, on nothing known."""
    if found.status == 200:
        request.scope.setdefault("state", {})["laid"] = Laid(found, until)


def _place(scope: Scope) -> Hashable:
    """What an answer depends on besides the database: the role, and the address as it was sent."""
    actor: Actor = scope["state"]["actor"]
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return actor.role, scope["scheme"], host, scope.get("raw_path", scope["path"]), scope["query_string"]
