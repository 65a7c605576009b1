"""What surrounds every request: the guard, the limit of its body, the security headers, the catch of defects."""

from __future__ import annotations

import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api import guard
from orchestrator.api.problems import problem

log = logging.getLogger("isoflop.service")

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
"""Content-Security-Policy of every page: nothing inline, nothing from elsewhere."""


class BodyTooLarge(Exception):
    """More came than a sweep file may have, whatever the request's header said."""


class Surroundings:
    """The outermost layer of the application: whatever is answered, and whatever fails, passes through it."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        """Put the layer around `app`; `token` is the secret that requests need, if any."""
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = Answer(send, head=scope["method"] == "HEAD")
        refused = guard.refusal(scope["method"], _target(scope), Headers(scope=scope), self._token)
        if refused is not None:
            _log_refusal(scope, refused)
            await _refuse(refused, scope, receive, answer)
            return
        if answer.head:  # routes know GET; what they answer is sent without its body
            scope = {**scope, "method": "GET"}
        try:
            await self._app(scope, _Limited(receive), answer)
        except ClientDisconnect:  # nobody is left to answer, or nothing more is wanted
            return
        except BodyTooLarge:
            await _refuse(guard.too_large(), scope, receive, answer)
        except Exception as error:
            log.exception("%s %.200r failed", scope["method"], scope["path"])
            if answer.begun:
                raise
            # The class alone, because the message may hold what the caller may not see.
            failed = problem(500, "internal", f"{type(error).__name__}; the service's log has more")
            await failed(scope, receive, answer)


class Answer:
    """Sends an answer with the security headers; to HEAD without its body, however long that would be."""

    def __init__(self, send: Send, *, head: bool = False) -> None:
        """Send by `send`; `head` leaves the body out."""
        self._send = send
        self.head = head
        """Whether only the headers are wanted."""
        self.begun = False
        """Whether the status was sent: after that, nothing else can be answered."""

    async def __call__(self, message: Message) -> None:
        """Send one message of the answer."""
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = POLICY
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "no-referrer"
        elif self.head and message["type"] == "http.response.body":
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            raise ClientDisconnect  # ends a stream
        await self._send(message)


class _Limited:
    """Receives a request's body, up to its limit. Raises BodyTooLarge beyond."""

    def __init__(self, receive: Receive) -> None:
        """Receive by `receive`."""
        self._receive = receive
        self._bytes = 0

    async def __call__(self) -> Message:
        """Receive one message of the request."""
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > guard.BODY_BYTES:
            raise BodyTooLarge
        return message


def _target(scope: Scope) -> str:
    """Path and query as they were sent."""
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{path}?{query}" if query else path


async def _refuse(refused: guard.Refusal, scope: Scope, receive: Receive, answer: Answer) -> None:
    """Answer with the problem document of a refusal."""
    response = problem(refused.status, refused.kind, refused.detail)
    if refused.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="isoflop", charset="UTF-8"'
    await response(scope, receive, answer)


def _log_refusal(scope: Scope, refused: guard.Refusal) -> None:
    """Leave a line about a request that was not let in, but for a browser's first one, which has no token yet."""
    if refused.status == 401 and "authorization" not in Headers(scope=scope):
        return
    address = (scope.get("client") or ("an unknown address",))[0]
    what = "wrong token" if refused.status == 401 else refused.kind
    log.warning("refused (%s): %s %.200r from %s", what, scope["method"], scope["path"], address)
