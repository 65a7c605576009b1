"""Clients of a service from one thread that takes little of the machine: so many connections, each asking in turn."""

from __future__ import annotations

import heapq
import http.client
import random
import select
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LONGEST_PAUSE = 4.0
"""Seconds after which a client asks again at the latest: the service closes idle connections after 5."""


@dataclass
class Seen:
    """What clients saw of one route."""

    seconds: list[float] = field(default_factory=list)
    """Seconds of each answer."""
    errors: int = 0
    """Answers that were no success."""
    size: int = 0
    """Bytes of the last answer as it travelled, without its headers."""
    cpu: float = 0.0
    """Seconds of CPU of one kept answer."""


class Client:
    """One connection, and the answer that it waits for."""

    def __init__(self, port: int) -> None:
        """Connect."""
        self.connection = socket.create_connection(("127.0.0.1", port))
        self._host = f"127.0.0.1:{port}"
        self._name, self._began, self._received = "", 0.0, b""

    def ask(self, name: str, path: str) -> None:
        """Send a request for a route of a name."""
        self._name, self._received = name, b""
        request = f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\nAccept-Encoding: gzip\r\n\r\n".encode()
        self._began = time.perf_counter()
        self.connection.sendall(request)

    def read(self, found: dict[str, Seen]) -> bool:
        """Receive more of the answer, note it once it is whole, and say whether it is."""
        came = self.connection.recv(1 << 18)
        if not came:
            raise SystemExit(f"the service closed the connection instead of answering: {self._name}")
        self._received += came
        head, ended, body = self._received.partition(b"\r\n\r\n")
        if not ended or len(body) < (length := _length(head)):
            return False
        seen = found.setdefault(self._name, Seen())
        seen.seconds.append(time.perf_counter() - self._began)
        seen.errors += not head.startswith(b"HTTP/1.1 200")
        seen.size = length
        return True


def _length(head: bytes) -> int:
    """The length of a body, by the headers of an answer."""
    named = head.lower().partition(b"content-length:")[2]
    return int(named.split(b"\r\n", 1)[0])


def ask_together(
    port: int, clients: int, choose: Callable[[random.Random], tuple[str, str] | None], pause: float
) -> dict[str, Seen]:
    """Let clients ask until they are done; what they saw, by the name of the route.

    Args:
        port: of the service.
        clients: how many ask at a time.
        choose: name and path of a client's next request; None once there is none.
        pause: mean seconds between an answer and the same client's next request.
    """
    found: dict[str, Seen] = {}
    generator, selector = random.Random(0), selectors.DefaultSelector()
    due = [(time.monotonic() + generator.random() * pause, number, Client(port)) for number in range(clients)]
    heapq.heapify(due)
    waiting = 0
    while due or waiting:
        while due and due[0][0] <= time.monotonic():
            _, number, client = heapq.heappop(due)
            if (chosen := choose(generator)) is None:
                client.connection.close()
                continue
            client.ask(*chosen)
            selector.register(client.connection, selectors.EVENT_READ, (number, client))
            waiting += 1
        for key, _ in selector.select(max(0.0, due[0][0] - time.monotonic()) if due else None) if waiting else ():
            number, client = key.data
            if client.read(found):
                selector.unregister(client.connection)
                waiting -= 1
                rest = min(LONGEST_PAUSE, generator.expovariate(1 / pause)) if pause else 0.0
                heapq.heappush(due, (time.monotonic() + rest, number, client))
        if due and not waiting:
            time.sleep(max(0.0, due[0][0] - time.monotonic()))
    return found


@contextmanager
def listening(port: int, count: int, address: str) -> Iterator[list[int]]:
    """So many listeners of an address of events; the bytes that each has received so far."""
    opened = [http.client.HTTPConnection("127.0.0.1", port) for _ in range(count)]
    received, stopped = [0] * count, threading.Event()
    for each in opened:
        each.request("GET", address)
    places = {each.sock.fileno(): (number, each.sock) for number, each in enumerate(opened)}

    def read() -> None:
        """Read from whoever has something."""
        while not stopped.is_set():
            ready, _, _ = select.select(list(places), [], [], 0.2)
            for number, connection in (places[each] for each in ready):
                came = connection.recv(1 << 16)
                received[number] += len(came)
                if not came:  # the sweep is finished
                    del places[connection.fileno()]

    reader = threading.Thread(target=read)
    reader.start()
    yield received
    stopped.set()
    reader.join()
    for each in opened:
        each.close()
