"""What surrounds every request: the guard, the limit of its body, the security headers, the catch of defects."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Hashable
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api import guard, login
from orchestrator.api.jobs import hearing
from orchestrator.api.problems import problem
from orchestrator.errors import meaning_of
from orchestrator.people import Actor, Role
from orchestrator.use_cases.members import Entry, Members
from orchestrator.use_cases.workshop import asking
from tokenizer.errors import ExpectedError

log = logging.getLogger("isoflop.service")

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
"""Content-Security-Policy of every page: nothing inline, nothing from elsewhere."""


HEALTH = Entry(closed=True)
"""Who asks whether the service is alive: anybody, and without a look at the database."""


class BodyTooLarge(Exception):
    """More came than a sweep file may have, whatever the request's header said."""


class Surroundings:
    """The outermost layer of the application: whatever is answered, and whatever fails, passes through it."""

    def __init__(self, app: ASGIApp, members: Members) -> None:
        """Put the layer around `app`; `members` are let in."""
        self._app = app
        self._members = members

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = secrets.token_hex(8)
        answer = Answer(send, request, head=scope["method"] == "HEAD")
        try:
            entry, stamp = self._anybody(scope) if scope["path"] in guard.HEALTH_PATHS else await self._entry(scope)
        except ExpectedError as error:  # the database is away, and nobody was let in before
            await problem(meaning_of(error).status, error.kind, str(error))(scope, receive, answer)
            return
        refused = guard.refusal(
            scope["method"], _target(scope), Headers(scope=scope), closed=entry.closed, known=entry.role is not None
        )
        if refused is not None:
            _log_refusal(scope, refused, request)
            await _refuse(refused, scope, receive, answer)
            return
        actor = Actor(entry.name, entry.role or Role.READER, _address(scope), request)
        stays = partial(self._stays, scope, entry)
        scope = {**scope, "state": {**scope.get("state", {}), "actor": actor, "stamp": stamp, "stays": stays}}
        asking.set(entry.name)
        hearing.set(receive if scope["method"] in ("GET", "HEAD") else None)  # else a body may still come
        if answer.head:  # routes know GET; what they answer is sent without its body
            scope = {**scope, "method": "GET"}
        try:
            await self._app(scope, _Limited(receive), answer)
        except ClientDisconnect:  # nobody is left to answer, or nothing more is wanted
            return
        except BodyTooLarge:
            await _refuse(guard.too_large(), scope, receive, answer)
        except Exception as error:
            log.exception("%s %.200r failed (request %s)", scope["method"], scope["path"], request)
            if answer.begun:
                raise
            # The class alone, because the message may hold what the caller may not see.
            failed = problem(500, "internal", f"{type(error).__name__}; the service's log has more")
            await failed(scope, receive, answer)

    def _anybody(self, scope: Scope) -> tuple[Entry, Hashable]:
        """Who asks for the service's health; the answer may come again, but lies on no shelf."""
        plain = scope.get("state", {}).get("plain_request")
        if plain is not None:
            plain.stamp = self._members.stamp()
        return HEALTH, None

    async def _entry(self, scope: Scope) -> tuple[Entry, Hashable]:
        """Who sent a request, by its token alone, and the database's stamp if that is known. Raises StoreError."""
        token = guard.secret_of(Headers(scope=scope))
        known, stamp = await self._holder(token)
        plain = scope.get("state", {}).get("plain_request")
        if plain is not None:
            plain.token, plain.entry, plain.stamp = token, known, stamp
        return known, stamp

    async def _holder(self, token: str) -> tuple[Entry, Hashable]:
        """Who has a token now, and the database's stamp if that is known. Raises StoreError."""
        stamp = self._members.stamp()
        known = None if stamp is None else self._members.entry_at(token, stamp)
        if known is None:
            known = await run_in_threadpool(self._members.entry, token)
        return known, stamp

    async def _stays(self, scope: Scope, entry: Entry) -> bool:
        """Whether a request's token is still who it was when it was let in, for an answer that takes long."""
        return (await self._holder(guard.secret_of(Headers(scope=scope))))[0] == entry


class Answer:
    """Sends an answer with the security headers and its id; to HEAD without its body, however long that would be."""

    def __init__(self, send: Send, request: str, *, head: bool = False) -> None:
        """Send by `send` the answer to the request with this id; `head` leaves the body out."""
        self._send = send
        self._request = request
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
            # With `no-referrer` a browser sends the form of /login with the origin `null`, which the guard refuses.
            headers["Referrer-Policy"] = "same-origin"
            headers["X-Request-ID"] = self._request
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
    response: Response = problem(refused.status, refused.kind, refused.detail)
    if refused.status == 401 and _is_page(scope):
        response = RedirectResponse(login.address(_target(scope)), status_code=303)
    elif refused.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="isoflop", charset="UTF-8"'
    await response(scope, receive, answer)


def _is_page(scope: Scope) -> bool:
    """Whether a person's browser asks for a page, so that a form serves them better than a problem document."""
    wanted = scope["method"] == "GET" and not scope["path"].startswith(("/api/", "/static/"))
    return wanted and "text/html" in Headers(scope=scope).get("accept", "")


def _address(scope: Scope) -> str:
    """The network address that a request came from."""
    return str((scope.get("client") or ("an unknown address",))[0])


def _log_refusal(scope: Scope, refused: guard.Refusal, request: str) -> None:
    """Leave a line about a request that was not let in, but for a browser's first one, which has no token yet."""
    if refused.status == 401 and "authorization" not in Headers(scope=scope):
        return
    what = "wrong token" if refused.status == 401 else refused.kind
    place = (scope["method"], scope["path"], _address(scope), request)
    log.warning("refused (%s): %s %.200r from %s (request %s)", what, *place)
