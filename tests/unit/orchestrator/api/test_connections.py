"""Connections that send nothing, or only a part of a request, are closed, and make way for those who ask."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvicorn

from orchestrator.api import connections
from orchestrator.api.connections import BACKLOG, EndingServer, most_connections, timed_protocol

Receive = Callable[[], Awaitable[dict[str, object]]]
Send = Callable[[dict[str, object]], Awaitable[None]]


async def app(scope: dict[str, object], receive: Receive, send: Send) -> None:
    """Read the body, unless the path is /early, and answer."""
    more = scope["path"] != "/early"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = bool(message.get("more_body"))
    await asyncio.sleep(1.5 if scope["path"] == "/slow" else 0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


class Work(ThreadPoolExecutor):
    """What requests wait for; notes that it was ended."""

    def __init__(self, ended: list[str]) -> None:
        super().__init__(1)
        self._ended = ended

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._ended.append("ended")
        super().shutdown(wait, cancel_futures=cancel_futures)


@contextlib.contextmanager
def listening(most: int, seconds: float, ended: list[str]) -> Iterator[int]:
    """The port of a server with these limits."""
    config = uvicorn.Config(
        app, port=0, log_level="error", lifespan="off", http=timed_protocol(most, seconds), backlog=BACKLOG
    )
    server = EndingServer(config, [Work(ended)])
    bound = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield bound.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def opened(port: int, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(sent)
    return connection


def closed(connection: socket.socket) -> bool:
    """Wait until the other side closes; whether it did without an answer."""
    with connection:
        try:
            return connection.recv(100) == b""
        except ConnectionResetError:
            return True


def ask(port: int) -> bytes:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", "/")
        return connection.getresponse().read()


BEGUN = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: 1", BEGUN])
def test_a_request_that_does_not_come_ends_its_connection(sent: bytes) -> None:
    with listening(100, 1.0, []) as port:
        assert closed(opened(port, sent)) and ask(port) == b"ok"


def test_a_connection_may_ask_again_and_is_not_closed_for_an_answer_that_takes_long() -> None:
    ended: list[str] = []
    with listening(100, 1.0, ended) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for path in ("/", "/slow"):
            connection.request("GET", path)
            assert connection.getresponse().read() == b"ok"
        assert closed(connection.sock)
        assert ended == []
    assert ended == ["ended"], "work is ended before connections are"


def send_for_ever(connection: socket.socket) -> int:
    """Send chunks of a body until the other side closes; returns how many bytes it let in."""
    chunk, sent = b"10000\r\n" + b"x" * 65536 + b"\r\n", 0
    with contextlib.suppress(ConnectionError):
        while sent < 2**28:
            connection.sendall(chunk)
            sent += len(chunk)
    return sent


def answered(connection: socket.socket) -> bool:
    """Whether an answer comes, to its end."""
    got = b""
    while not got.endswith(b"ok") and (part := connection.recv(1000)):
        got += part
    return got.startswith(b"HTTP/1.1 200")


def test_a_body_without_end_ends_its_connection_soon_after_the_answer() -> None:
    with listening(100, 600.0, []) as port:
        with opened(port, b"POST /early HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n") as connection:
            assert answered(connection)
            assert send_for_ever(connection) < 2**25
        assert ask(port) == b"ok"


def test_the_rest_of_a_small_body_is_thrown_away_after_its_answer() -> None:
    with (
        listening(100, 600.0, []) as port,
        opened(port, b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n") as connection,
    ):
        assert answered(connection)
        connection.sendall(b"x" * 99_999 + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answered(connection)


def test_those_who_send_nothing_make_way() -> None:
    with listening(5, 600.0, []) as port:
        silent = [opened(port) for _ in range(20)]
        assert ask(port) == b"ok"
        assert all(map(closed, silent[:14])), "the oldest go first"
        for each in silent[14:]:
            each.close()


def test_half_of_the_files_are_left_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for files, most in ((1024, 512), (20, 16), (10**6, connections.MOST), (-1, connections.MOST)):
        monkeypatch.setattr("resource.getrlimit", lambda _, files=files: (files, files))
        assert most_connections() == most
