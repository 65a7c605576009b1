"""Who may call: loopback freely, any other address with the token; browsers only from the service's own pages."""

from __future__ import annotations

import base64
import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response

from orchestrator.api.problems import problem
from tokenizer.errors import ExpectedError

BODY_BYTES = 256 * 1024
"""Largest request body: the limit of a sweep file."""
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
"""Content-Security-Policy of every page: nothing inline, nothing from elsewhere."""


class BindError(ExpectedError, ValueError):
    """The service would be open to other machines without a token."""

    kind = "bind"


def check_bind(host: str, token: str | None) -> None:
    """Refuse any address but loopback without a token. Raises BindError."""
    if not is_loopback(host) and not token:
        raise BindError(f"--host {host} is reachable by others: set ISOFLOP_TOKEN to a secret first")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address or host name."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def install(app: FastAPI, token: str | None) -> None:
    """Put the checks and the security headers around every request."""

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Refuse a request or pass it on, and add the headers to the answer."""
        refused = _refusal(request, token)
        response = refused if refused is not None else await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response


def _refusal(request: Request, token: str | None) -> Response | None:
    """The problem document for a request that is not let in; None for one that is."""
    if token and request.url.path != "/healthz" and not _authorised(request.headers.get("authorization", ""), token):
        response = problem(
            401, "unauthorised", "send the token as a bearer token, or as the password of basic authentication"
        )
        response.headers["WWW-Authenticate"] = 'Basic realm="isoflop"'
        return response
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    if not token and not is_loopback(host):
        return problem(403, "foreign-host", f"without a token this service answers on localhost only, not on {host!r}")
    origin = request.headers.get("origin")
    if request.method not in ("GET", "HEAD") and origin and urlsplit(origin).netloc != request.headers.get("host"):
        return problem(403, "foreign-origin", f"a page of {origin} may not change anything here")
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > BODY_BYTES:
        return problem(413, "too-large", f"a sweep file has at most {BODY_BYTES} bytes")
    return None


def user_of(request: Request) -> str:
    """The user name of basic authentication, at most 64 characters; empty without one."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    return base64.b64decode(value).decode().partition(":")[0][:64]


def _authorised(header: str, token: str) -> bool:
    """Whether an `Authorization` header carries the token."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode().partition(":")[2]
        except ValueError:  # not base64, or not UTF-8
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(value.strip().encode(), token.encode())
