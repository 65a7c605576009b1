"""The outermost layer: how long the service takes to answer, for the monitor and, line by line, for the log."""

from __future__ import annotations

import bisect
import itertools
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("isoflop.access")

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histogram's buckets, in seconds to the first byte of an answer."""
KINDS = (("/api/", "api"), ("/static/", "static"), ("/healthz", "probe"), ("/readyz", "probe"), ("/metrics", "probe"))
"""What a path is counted as, by its beginning; any other is a page. Names of sweeps would make a series for each."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""Methods that are counted by name; anything else that a client makes up is one more series together."""
Labels = tuple[str, str, str]
"""Method, kind of path, and class of the status, such as 2xx."""


@dataclass(slots=True)
class Histogram:
    """How long some requests took."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    """Requests by the bucket of BOUNDS that they fell into; the last is for all that took longer."""
    seconds: float = 0.0
    """Sum of what they took."""

    def note(self, seconds: float) -> None:
        """Count one request."""
        self.buckets[bisect.bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    @property
    def cumulative(self) -> list[int]:
        """Requests up to each bound, and all of them at the end."""
        return list(itertools.accumulate(self.buckets))


class Latencies:
    """The histograms of a service since it started. All methods may be called by several threads."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._lock = threading.Lock()
        self._found: dict[Labels, Histogram] = {}

    def note(self, labels: Labels, seconds: float) -> None:
        """Count one request."""
        with self._lock:
            self._found.setdefault(labels, Histogram()).note(seconds)

    def read(self) -> Mapping[Labels, Histogram]:
        """A copy of all histograms, in a fixed order."""
        with self._lock:
            return {key: Histogram(list(h.buckets), h.seconds) for key, h in sorted(self._found.items())}


class Traffic:
    """Measures every request, also those that are refused."""

    def __init__(self, app: ASGIApp, latencies: Latencies) -> None:
        """Put the layer around `app`, and note in `latencies`."""
        self._app = app
        self._latencies = latencies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def measured(message: Message) -> None:
            """Send a message; the first one is when the answer begins."""
            if message["type"] == "http.response.start":
                request = Headers(raw=message.get("headers", [])).get("x-request-id", "")
                noted = Noted.of(scope, message["status"])
                note(self._latencies, noted, time.perf_counter() - began, request)
            await send(message)

        await self._app(scope, receive, measured)


@dataclass(frozen=True, slots=True)
class Noted:
    """What the log and the monitor know of an answer besides how long it took."""

    method: str
    """Method by name, or `other`."""
    path: str
    """Path that was asked for."""
    status: int
    """HTTP status."""
    address: str
    """The network address that the request came from."""

    @classmethod
    def of(cls, scope: Scope, status: int) -> Noted:
        """Of the answer to a request."""
        method = scope["method"] if scope["method"] in METHODS else "other"
        return cls(method, scope["path"], status, str((scope.get("client") or ("",))[0]))


def note(latencies: Latencies, noted: Noted, seconds: float, request: str) -> None:
    """Count an answer that begins, and leave a line about it with the request's id."""
    latencies.note((noted.method, kind_of(noted.path), f"{noted.status // 100}xx"), seconds)
    if not log.isEnabledFor(logging.INFO):
        return
    facts = {
        "method": noted.method,
        "path": noted.path[:200],
        "status": noted.status,
        "seconds": round(seconds, 6),
        "address": noted.address,
        "request": request,
    }
    log.info("%s %.200r: %d in %.3f s", noted.method, noted.path, noted.status, seconds, extra={"facts": facts})


def kind_of(path: str) -> str:
    """What a path is counted as."""
    return next((kind for beginning, kind in KINDS if path.startswith(beginning)), "page")
