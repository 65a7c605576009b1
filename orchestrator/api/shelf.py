"""Answers that are given again before a route is looked for: as long as nothing was written, they are still true."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.api.documents import Document, reply
from orchestrator.people import Actor

MOST = 2048
"""Answers that are kept."""
BYTES = 32 * 2**20
"""Memory that they take together."""
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
        self._stamp: Hashable = None
        self._laid: OrderedDict[Hashable, Laid] = OrderedDict()
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        stamp = scope["state"].get("stamp") if scope["type"] == "http" and scope["method"] == "GET" else None
        if stamp is None:
            await self._app(scope, receive, send)
            return
        place = _place(scope)
        found = self._find(stamp, place)
        if found is not None:
            await reply(Request(scope), found)(scope, receive, send)
            return
        await self._app(scope, receive, send)
        laid = scope["state"].get("laid")
        if laid is not None and self._stamp == stamp:
            self._keep(place, laid)

    def _find(self, stamp: Hashable, place: Hashable) -> Document | None:
        """What was answered since the database had this stamp, unless it has aged."""
        if stamp != self._stamp:
            self._stamp, self._bytes = stamp, 0
            self._laid.clear()
        laid = self._laid.get(place)
        if laid is None or time.monotonic() >= laid.until:
            return None
        self._laid.move_to_end(place)
        return laid.document

    def _keep(self, place: Hashable, laid: Laid) -> None:
        """Keep an answer, and make room for it: those unused for longest go."""
        self._remove(place)
        self._laid[place] = laid
        self._bytes += laid.document.size
        while self._bytes > BYTES or len(self._laid) > MOST:
            self._remove(next(iter(self._laid)))

    def _remove(self, place: Hashable) -> None:
        """Forget an answer."""
        gone = self._laid.pop(place, None)
        self._bytes -= gone.document.size if gone else 0


def lay(request: Request, found: Document, until: float = FOREVER) -> None:
    """Say that the answer to a request depends on its address, the database and, after `until`, on nothing known."""
    if found.status == 200:
        request.scope.setdefault("state", {})["laid"] = Laid(found, until)


def _place(scope: Scope) -> Hashable:
    """What an answer depends on besides the database: the role, and the address as it was sent."""
    actor: Actor = scope["state"]["actor"]
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return actor.role, scope["scheme"], host, scope.get("raw_path", scope["path"]), scope["query_string"]
