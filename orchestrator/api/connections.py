"""Connections to a service: a request comes whole within some seconds, and those without one make way for others."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Hashable, Sequence
from concurrent.futures import Executor

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestrator.api.guard import BODY_BYTES
from orchestrator.api.repeats import LONGEST, PlainRequest, Repeats

RECEIVE_SECONDS = 30.0
"""Within which a request must have come, its body included."""
MOST = 2048
"""Connections at a time, if the system lets a process open twice as many files."""
MOST_UNREAD = BODY_BYTES
"""Bytes of a body that may still come after its answer, and are thrown away; beyond, the connection is closed."""
LINGER_SECONDS = 0.5
"""Between an answer to a body that is too large and the end of its connection, so that the answer arrives."""
BACKLOG = 128
"""Connections that the system keeps until they are taken: as many are taken at once."""


def most_connections() -> int:
    """Connections that the service takes at a time: half the files that it may open are left for others."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if files == resource.RLIM_INFINITY else max(16, min(MOST, files // 2))


def timed_protocol(most: int, seconds: float = RECEIVE_SECONDS, repeats: Repeats | None = None) -> type[H11Protocol]:
    """The protocol of a service's connections: at most so many, and so many seconds for a request to come.

    With `repeats`, requests that come again byte for byte are answered without the application.
    """
    waiting: dict[TimedProtocol, None] = {}

    class Timed(TimedProtocol):
        """The protocol of this service."""

        def __init__(self, *arguments: object, **named: object) -> None:
            """A connection among those of the service."""
            super().__init__(*arguments, **named)  # type: ignore[arg-type]
            self.limits(waiting, most, seconds)
            self._repeats = repeats

    return Timed


class EndingServer(uvicorn.Server):
    """A server that ends what requests wait for before it waits for the requests."""

    def __init__(self, config: uvicorn.Config, work: Sequence[Executor]) -> None:
        """Listen as configured; `work` is what requests wait for."""
        super().__init__(config)
        self._work = work

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is left, and close all connections."""
        for each in self._work:
            each.shutdown(wait=False, cancel_futures=True)
        await super().shutdown(sockets)


class TimedProtocol(H11Protocol):
    """A connection that is closed if a request is begun and does not come, or to make room for another."""

    _deadline: asyncio.TimerHandle | None = None
    _unread = 0
    _repeats: Repeats | None = None

    def limits(self, waiting: dict[TimedProtocol, None], most: int, seconds: float) -> None:
        """Close after so many seconds; `waiting` are all connections without a whole request, the oldest first."""
        self._waiting = waiting
        self._most = most
        self._seconds = seconds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come: if there are too many, the one goes that has waited longest without a request."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > self._most:
            oldest = next(iter(self._waiting))
            oldest._served()
            oldest.transport.abort()

    def data_received(self, data: bytes) -> None:
        """A part of a request, or more, has come; of a body after its answer some is thrown away, and no more."""
        asks = self._repeats is not None and self._rests
        if asks and self._repeated(data):
            return
        answered = self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY
        self._unread = self._unread + len(data) if answered else 0
        if self._unread > MOST_UNREAD:
            self.transport.pause_reading()
            self.loop.call_later(LINGER_SECONDS, self.transport.abort)
            return
        super().data_received(data)
        if asks:
            self._remember(data)
        self._look()

    @property
    def _rests(self) -> bool:
        """Whether nothing of a request has come, and nothing of an answer is left to be sent."""
        idle = self.conn.our_state is h11.IDLE and self.conn.their_state is h11.IDLE
        return idle and not self.conn.trailing_data[0] and not self.flow.write_paused

    def _place(self, data: bytes) -> Hashable:
        """What the answer to a request depends on besides the service: its bytes, and who is at the other end."""
        return self.client and self.client[0], self.scheme, data

    def _repeated(self, data: bytes) -> bool:
        """Answer a request whose like was answered before, if that is known to be still true; whether it was."""
        if self._repeats is None or self.transport.is_closing():
            return False
        answer = self._repeats.again(self._place(data), self.server_state.default_headers)
        if answer is None:
            return False
        self._unset_keepalive_if_required()
        self.transport.write(answer)
        self.server_state.total_requests += 1
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        self._served()
        self._wait()
        return True

    def _remember(self, data: bytes) -> None:
        """Tell the application what its request looked like, if it was whole, alone and has no wish for the connection.

        Its task has not begun yet.
        """
        whole = self.conn.their_state is h11.DONE and not self.conn.trailing_data[0] and len(data) <= LONGEST
        plain = whole and data.startswith(b"GET ") and self.scope["http_version"] == "1.1"
        if plain and all(name != b"connection" for name, _ in self.scope["headers"]):
            self.scope["state"]["plain_request"] = PlainRequest(self._place(data), len(data))

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._served()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """The answer is sent: the connection may be used again."""
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        """Wait for the rest of a request, or for the next one; while one is answered, for nothing."""
        if self.transport.is_closing() or self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._served()
        else:
            self._wait()

    def _wait(self) -> None:
        """A request has some seconds to come, from now and not from its latest byte."""
        if self._deadline is None:
            self._deadline = self.loop.call_later(self._seconds, self.transport.abort)
            self._waiting[self] = None

    def _served(self) -> None:
        """A whole request is there, or nobody is left."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._waiting.pop(self, None)
