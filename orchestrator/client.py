"""The Python client of a service: submit, ask, control. Needs nothing but the standard library."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.access_token import read_token
from orchestrator.errors import MEANINGS, NotFound
from tokenizer.errors import ExpectedError

TIMEOUT_SECONDS = 300.0
"""Longest wait for an answer: a submission first tokenises the corpus and measures the machine."""


class Unreachable(ExpectedError, RuntimeError):
    """The service does not answer."""

    kind = "unreachable"


class Refused(ExpectedError, ValueError):
    """The service refused; message and kind are its own, as far as this version knows the kind."""

    def __init__(self, message: str, kind: str = "refused") -> None:
        """The service's message, and the kind of its problem document."""
        self.kind = kind if kind in MEANINGS else "refused"
        super().__init__(message)


class Client:
    """A service at a URL, asked with a token if it needs one. Raises Refused for a URL that is not HTTP."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """A client of the service at `url`; `token` is sent with every request."""
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise Refused(f"ISOFLOP_URL is {url!r}: give the service's address, such as http://127.0.0.1:8337")
        self.url = url.rstrip("/")
        self._token = token

    def submit(self, text: bytes, overrides: Sequence[str] = (), *, rerun: bool = False) -> dict[str, Any]:
        """Submit a sweep file; returns its name, revision and progress as JSON.

        Raises Unreachable, Refused.
        """
        query = [("override", o) for o in overrides] + ([("rerun", "true")] if rerun else [])
        path = "/api/v1/sweeps" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        answer: dict[str, Any] = self._call("POST", path, text)
        return answer

    def sweep(self, name: str) -> dict[str, Any]:
        """A sweep as JSON: its file, its runs and its progress. Raises NotFound, Unreachable."""
        answer: dict[str, Any] = self._call("GET", f"/api/v1/sweeps/{_quoted(name)}")
        return answer

    def control(self, name: str, action: str) -> str:
        """Cancel, pause, resume or retry a sweep; returns what became of it. Raises NotFound, Unreachable, Refused."""
        return str(self._call("POST", f"/api/v1/sweeps/{_quoted(name)}/{action}", b"")["message"])

    def log(self, run: str, attempt: int | None = None) -> list[dict[str, Any]]:
        """A run's attempts and events as JSON. Raises NotFound, Unreachable."""
        query = "" if attempt is None else f"?attempt={attempt}"
        rows: list[dict[str, Any]] = self._call("GET", f"/api/v1/runs/{_quoted(run)}/log{query}")
        return rows

    def _call(self, method: str, path: str, body: bytes | None = None) -> Any:
        """The JSON of an answer. Raises NotFound, Unreachable, Refused."""
        headers = {"Content-Type": "application/yaml"} if body else {}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self.url + path, data=body, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            detail, kind = _problem(error)
            raise (NotFound(detail) if error.code == 404 else Refused(detail, kind)) from None
        except (urllib.error.URLError, OSError, json.JSONDecodeError) as error:
            reason = getattr(error, "reason", error)
            raise Unreachable(f"no service answers at {self.url} ({reason}); start one with: isoflop serve") from None


def service_client(environ: Mapping[str, str] | None = None) -> Client | None:
    """The client of the service that ISOFLOP_URL names; None if it names none. Raises Refused, SettingsError."""
    environ = os.environ if environ is None else environ
    url = environ.get("ISOFLOP_URL")
    return Client(url, read_token(environ)) if url else None


def _quoted(name: str) -> str:
    """A name as a segment of a URL's path."""
    return urllib.parse.quote(name, safe="")


def _problem(error: urllib.error.HTTPError) -> tuple[str, str]:
    """Detail and kind of a problem document (RFC 9457); for any other answer, its status and `refused`."""
    try:
        document = json.load(error)
        return str(document["detail"]), str(document["type"]).rpartition(":")[2]
    except (ValueError, KeyError, TypeError):
        return f"the service answered {error.code} {error.reason}", "refused"
