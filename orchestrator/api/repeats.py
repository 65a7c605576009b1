"""Requests that come again byte for byte: the connection sends what was answered, without asking the application.

The same bytes are the same address, the same token and the same wishes, so that as long as nothing was written, who
asks is still let in and the answer has not aged, they have the same answer.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.stamped_cache import StampedCache
from orchestrator.api.traffic import Latencies, Noted, note
from orchestrator.use_cases.members import Entry, Members

LONGEST = 4096
"""Bytes of the longest request that is remembered."""
OWN_BYTES = 2048
"""Memory of an answer besides the request and its body."""
REQUEST_ID = b"x-request-id"
"""The one header of an answer that no other has."""
Line = tuple[bytes, bytes]
"""Name and value of a header."""


@dataclass(slots=True)
class PlainRequest:
    """A request as it was sent, and what the layers found out about it. It travels in the state of its scope."""

    place: Hashable
    """Its bytes, and whom the connection is with: proxies are believed by their address."""
    size: int
    """Its bytes, counted."""
    token: str = ""
    """The token that it came with."""
    entry: Entry | None = None
    """Who that is; None where anybody may ask."""
    stamp: Hashable = None
    """The database's stamp when it was let in; None where that was not known."""
    until: float | None = None
    """Reading of the monotonic clock up to which its answer may be given again; None if it may not."""


@dataclass(frozen=True, slots=True)
class SentAnswer:
    """An answer as it travels."""

    head: bytes
    """Status line and headers, but for those of the server and the request's id."""
    body: bytes
    """What follows."""
    token: str
    """The token with which it was asked for."""
    entry: Entry | None
    """Who that was; None where anybody may ask."""
    until: float
    """Reading of the monotonic clock up to which it is true, if nothing is written before."""
    noted: Noted
    """What the log and the monitor know of it."""


class Repeats:
    """What connections may say again."""

    def __init__(self, members: Members, latencies: Latencies) -> None:
        """`members` are let in; how long answers take is noted in `latencies`."""
        self._members = members
        self._latencies = latencies
        self._cache: StampedCache[SentAnswer] = StampedCache()

    def again(self, place: Hashable, server: Iterable[Line]) -> bytes | None:
        """The answer to a request that was answered before, with the server's headers; None if it must be asked for."""
        began = time.perf_counter()
        stamp = self._members.stamp()
        answer = None if stamp is None else self._cache.get(stamp, place)
        if answer is None or time.monotonic() >= answer.until:
            return None
        if answer.entry is not None and self._members.entry_at(answer.token, stamp) != answer.entry:
            return None
        request = secrets.token_hex(8)
        note(self._latencies, answer.noted, time.perf_counter() - began, request)
        own = b"".join(b"%s: %s\r\n" % line for line in (*server, (REQUEST_ID, request.encode())))
        return b"".join((answer.head, own, b"\r\n", answer.body))

    def keep(self, plain: PlainRequest, start: Message, body: bytes, noted: Noted) -> None:
        """Remember an answer that may be given again."""
        lines: list[Line] = [(name.lower(), value) for name, value in start["headers"]]
        status = HTTPStatus(start["status"])
        framed = status == HTTPStatus.NOT_MODIFIED or b"content-length" in dict(lines)
        if plain.until is None or plain.stamp is None or not framed:
            return
        head = b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode())
        head += b"".join(b"%s: %s\r\n" % line for line in lines if line[0] != REQUEST_ID)
        answer = SentAnswer(head, body, plain.token, plain.entry, plain.until, noted)
        self._cache.put(plain.stamp, plain.place, answer, plain.size + len(body) + OWN_BYTES)


class Remembering:
    """The layer outside all others, which sees answers as they travel."""

    def __init__(self, app: ASGIApp, repeats: Repeats) -> None:
        """Put the layer around `app`; `repeats` remembers."""
        self._app = app
        self._repeats = repeats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        plain = scope.get("state", {}).get("plain_request")
        if plain is None:
            await self._app(scope, receive, send)
            return
        sent: list[Message] = []

        async def seen(message: Message) -> None:
            """Send a message, and remember it: an answer that may be given again has two."""
            if len(sent) < 2:
                sent.append(message)
            await send(message)

        await self._app(scope, receive, seen)
        if plain.until is not None and len(sent) == 2 and not sent[1].get("more_body", False):
            start, body = sent
            self._repeats.keep(plain, start, body.get("body", b""), Noted.of(scope, start["status"]))


def may_repeat(scope: Scope, until: float) -> None:
    """Say that the answer to a request may be given again up to a reading of the monotonic clock."""
    plain = scope["state"].get("plain_request")
    if plain is not None:
        plain.until = until
