"""Who may call: whoever has a token, on loopback anybody without one; browsers only from the service's own pages."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from tokenizer.errors import ExpectedError

BODY_BYTES = 256 * 1024
"""Largest request body: the limit of a sweep file."""
TARGET_CHARACTERS = 8192
"""Longest path and query of a request."""
HEALTH_PATHS = ("/healthz", "/readyz")
"""Paths that a supervisor asks, also while the database is away."""
OPEN_PATHS = (*HEALTH_PATHS, "/login", "/logout", "/static/style.css", "/static/page.css")
"""Paths that need no token: for supervisors, and for whoever logs in."""
COOKIE = "isoflop-token"
"""Cookie in which a browser keeps its token."""
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
"""What a Host header looks like: a name or an address, and perhaps a port."""


class BindError(ExpectedError, ValueError):
    """The service would be open to other machines without a token."""

    kind = "bind"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not let in."""

    status: int
    """HTTP status."""
    kind: str
    """Kind of the problem document."""
    detail: str
    """A sentence for the caller."""


def check_bind(host: str, *, closed: bool) -> None:
    """Refuse any address but loopback for a service that needs no token, which is not `closed`. Raises BindError."""
    if not is_loopback(host) and not closed:
        raise BindError(
            f"--host {host} is reachable by others: set ISOFLOP_TOKEN to a secret, or make an account with "
            "isoflop user add, first"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address or host name."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refusal(method: str, target: str, headers: Headers, *, closed: bool, known: bool) -> Refusal | None:
    """Why a request is not let in; None for one that is.

    Args:
        method: GET, POST, …
        target: path and query as they were sent.
        headers: the request's headers.
        closed: whether a token is needed; else whatever asks for localhost by name is let in.
        known: whether the request has a token that lets it in.
    """
    authority = headers.get("host", "")
    if not _AUTHORITY.fullmatch(authority):
        return Refusal(400, "invalid-request", "the Host header is not a host name or address")
    if len(target) > TARGET_CHARACTERS:
        return Refusal(414, "too-large", f"path and query have at most {TARGET_CHARACTERS} characters")
    return (
        _by_credentials(target, headers.get("authorization", ""), closed=closed, known=known)
        or (None if closed else _by_host(authority))
        or _by_origin(method, authority, headers)
        or _by_length(headers.get("content-length", "0"))
    )


def credentials_of(header: str) -> str | None:
    """The token in an `Authorization` header, bearer or the password of basic authentication, whose name is ignored.

    None for another scheme, or what cannot be decoded.
    """
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return None
    try:
        user, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):  # not base64, or not UTF-8
        return None
    return secret.strip() if user.isprintable() else None


def secret_of(headers: Headers) -> str:
    """The token of a request: that of its `Authorization` header, else that of its cookie; empty without one."""
    header = headers.get("authorization", "")
    if header:
        return credentials_of(header) or ""
    return cookie_parser(headers.get("cookie", "")).get(COOKIE, "")


def _by_credentials(target: str, header: str, *, closed: bool, known: bool) -> Refusal | None:
    """Refuse a request without a token that lets it in, and a header that nobody can read."""
    if not closed:
        unreadable = header.partition(" ")[0].lower() == "basic" and credentials_of(header) is None
        detail = "basic authentication needs base64 of a printable UTF-8 name, a colon and a password"
        return Refusal(400, "invalid-request", detail) if unreadable else None
    if known or target.partition("?")[0] in OPEN_PATHS:
        return None
    return Refusal(
        401,
        "unauthorised",
        "send a token as a bearer token or as the password of basic authentication, or log in at /login: this one is "
        "missing, unknown, expired or revoked",
    )


def _by_host(authority: str) -> Refusal | None:
    """Refuse a request to another name: a page whose name was pointed to loopback sends its own."""
    try:
        host = urlsplit(f"//{authority}").hostname or ""
    except ValueError:  # brackets around what is not an address
        return Refusal(400, "invalid-request", "the Host header is not a host name or address")
    if is_loopback(host):
        return None
    return Refusal(403, "foreign-host", f"without a token this service answers on localhost only, not on {host!r}")


def _by_origin(method: str, authority: str, headers: Headers) -> Refusal | None:
    """Refuse a change that a page of another site asks for; programs send neither of the two headers."""
    if method in ("GET", "HEAD"):
        return None
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    if origin is not None and origin.partition("://")[2] != authority:
        return Refusal(403, "foreign-origin", f"a page of {origin[:200]!r} may not change anything here")
    if site not in ("same-origin", "none"):
        return Refusal(403, "foreign-origin", "a page of another site may not change anything here")
    return None


def _by_length(length: str) -> Refusal | None:
    """Refuse a body that says it is too large."""
    digits = length.isascii() and length.isdigit() and len(length) <= 12
    return None if digits and int(length) <= BODY_BYTES else too_large()


def too_large() -> Refusal:
    """The refusal of a body that is too large, whether it says so or turns out to be."""
    return Refusal(413, "too-large", f"a sweep file, or what a form sends, has at most {BODY_BYTES // 1024} KiB")
