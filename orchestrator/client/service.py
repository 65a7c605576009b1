"""The client itself: what a user does with sweeps, and how it asks a service."""

from __future__ import annotations

import gzip
import http.client
import ipaddress
import json
import re
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

from orchestrator.access_token import read_token
from orchestrator.client.accounts import AccountVerbs
from orchestrator.client.answers import Unreachable
from orchestrator.client.boards import BoardVerbs
from orchestrator.client.paths import asked, quoted
from orchestrator.client.patience import Patience, Stream, resumed
from orchestrator.environment import SettingsError, shown, variable
from orchestrator.errors import MEANINGS, NotFound
from orchestrator.states import SweepState
from tokenizer.errors import ExpectedError

TIMEOUT_SECONDS = 300.0
"""Longest wait for an answer: a submission first tokenises the corpus and measures the machine."""
SILENT_SECONDS = 60.0
"""Longest silence of a stream of events: a service sends something every quarter of a minute."""
PROXY_STATUSES = (502, 503, 504)
"""HTTP statuses of a proxy whose service does not answer."""
UNREADABLE = (OSError, EOFError, ValueError, zlib.error, http.client.HTTPException)
"""What opening and reading an answer raises, whose body may be cut, or not what its headers say."""
JSON_PATHS = ("/api/v1/boards", "/api/v1/classes")
"""Beginnings of the paths whose bodies are JSON; those of sweeps are YAML."""


class Refused(ExpectedError, ValueError):
    """The service refused; message and kind are its own, as far as this version knows the kind."""

    def __init__(self, message: str, kind: str = "refused") -> None:
        """The service's message, and the kind of its problem document."""
        self.kind = kind if kind in MEANINGS else "refused"
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class ListedSweep:
    """A revision of a sweep in a service's list."""

    name: str
    """Name of the sweep."""
    revision: str
    """Content hash of the submission."""
    state: SweepState
    """Its state in a word."""
    done: int
    """Runs that have shown what they were trained to show."""
    failed: int
    """Runs that failed or diverged."""
    total: int
    """All runs."""
    flops_spent: float
    """Training FLOPs of what is trained."""
    flops_planned: float
    """Training FLOPs of all runs."""
    submitted_at: float
    """When it was submitted, seconds since the epoch."""
    note: str
    """Why none of its runs starts; empty if nothing prevents it."""


class Client(AccountVerbs, BoardVerbs):
    """A service at a URL, asked with a token if it needs one. Raises SettingsError for what cannot be its address."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """A client of the service at `url`; `token` is sent with every request."""
        host = _checked_host(url)
        self.url = url.rstrip("/")
        self._token = token
        scheme = urllib.parse.urlsplit(url).scheme
        direct = _is_loopback(host) or urllib.request.proxy_bypass(host)
        self._proxy = None if direct else urllib.request.getproxies().get(scheme)
        handler = urllib.request.ProxyHandler({scheme: self._proxy} if self._proxy else {})
        self._opener = urllib.request.build_opener(handler)

    def submit(self, text: bytes, overrides: Sequence[str] = (), *, rerun: bool = False) -> dict[str, Any]:
        """Submit a sweep file; returns its name, revision and progress as JSON.

        Raises Unreachable, Refused.
        """
        query = [("override", o) for o in overrides] + ([("rerun", "true")] if rerun else [])
        path = "/api/v1/sweeps" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        return self._object("POST", path, text)

    def plan(self, text: bytes, overrides: Sequence[str] = ()) -> dict[str, Any]:
        """Plan a sweep file without submitting it; returns what `isoflop plan -o json` prints.

        Raises Unreachable, Refused.
        """
        query = urllib.parse.urlencode([("override", o) for o in overrides])
        return self._object("POST", f"/api/v1/plans?{query}", text)

    def sweeps(self) -> list[ListedSweep]:
        """All sweeps, the latest first. Raises Unreachable."""
        return [self._listed(row) for row in self._all("/api/v1/sweeps")]

    def _listed(self, row: dict[str, Any]) -> ListedSweep:
        """A row of the list. Raises Unreachable for what is none."""
        with self.understood():
            note, state = row["held"] or row["waits"], SweepState(row["state"])
            known = {f.name: row[f.name] for f in fields(ListedSweep) if f.name not in ("note", "state")}
        return ListedSweep(**known, note=note, state=state)

    def records(self, name: str) -> dict[str, Any]:
        """A sweep with its runs and forecasts as they are stored. Raises NotFound, Unreachable."""
        return self._object("GET", f"/api/v1/sweeps/{quoted(name)}/records")

    def fit(self, name: str, variant: str = "") -> dict[str, Any]:
        """The law of a sweep: what `isoflop fit -o json` prints. Raises NotFound, Unreachable, Refused."""
        return self._object("GET", asked(f"/api/v1/sweeps/{quoted(name)}/fit", variant=variant))

    def predict(self, name: str, variant: str = "", **question: float | str) -> dict[str, Any]:
        """A law's answer to a question, such as `flops=1e15`; what `isoflop predict -o json` prints.

        Raises NotFound, Unreachable, Refused.
        """
        path = asked(f"/api/v1/sweeps/{quoted(name)}/prediction", variant=variant, **question)
        return self._object("GET", path)

    def sweep(self, name: str) -> dict[str, Any]:
        """A sweep as JSON: its file, its runs and its progress. Raises NotFound, Unreachable."""
        return self._object("GET", f"/api/v1/sweeps/{quoted(name)}")

    def control(self, name: str, action: str) -> str:
        """Cancel, pause, resume or retry a sweep; returns what became of it. Raises NotFound, Unreachable, Refused."""
        answer = self._object("POST", f"/api/v1/sweeps/{quoted(name)}/{action}", b"")
        with self.understood():
            return str(answer["message"])

    def watch(self, name: str, away: Callable[[ExpectedError], None] = lambda error: None) -> Iterator[dict[str, Any]]:
        """The progress of a sweep's revision as JSON, now and whenever it changes, until it is finished.

        Cuts and restarts of the service are survived; `away` is told when it goes. Raises NotFound, Unreachable,
        Refused.
        """
        watched = name

        def later(after: str) -> Stream:
            return self._stream(f"/api/v1/sweeps/{quoted(watched)}/events", after)

        with self.understood():
            for said in resumed(later, Patience(away)):
                watched = f"{said['name']}@{said['revision']}"  # after a cut, too, whatever is submitted meanwhile
                yield said

    def run(self, run: str) -> dict[str, Any]:
        """A run with its configuration, result and attempts as JSON. Raises NotFound, Unreachable."""
        return self._object("GET", f"/api/v1/runs/{quoted(run)}")

    def curve(self, run: str) -> list[dict[str, Any]]:
        """The losses that a run logged, against tokens, FLOPs and seconds, as JSON. Raises NotFound, Unreachable."""
        return self._rows("GET", f"/api/v1/runs/{quoted(run)}/curve")

    def log(self, run: str, attempt: int | None = None) -> list[dict[str, Any]]:
        """A run's attempts and events as JSON. Raises NotFound, Unreachable."""
        query = "" if attempt is None else f"?attempt={attempt}"
        rows = self._rows("GET", f"/api/v1/runs/{quoted(run)}/log{query}")
        if not all("number" in row or {"attempt", "kind"} <= row.keys() for row in rows):
            raise self.stranger()
        return rows

    def _call(self, method: str, path: str, body: bytes | None = None) -> Any:
        """The JSON of an answer. Raises NotFound, Unreachable, Refused."""
        kind = "application/json" if body and path.startswith(JSON_PATHS) else "application/yaml"
        headers = {"Accept-Encoding": "gzip"} | ({"Content-Type": kind} if body else {})
        request = self._request(path, headers, body, method)
        with self._translated(), self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return _json_of(answer)

    def _stream(self, path: str, after: str) -> Stream:
        """The lines of a stream of events after the one with an id. Raises NotFound, Unreachable, Refused."""
        request = self._request(path, {"Last-Event-ID": after} if after else {})
        with self._translated():
            answer = self._opener.open(request, timeout=SILENT_SECONDS)
        if answer.headers.get_content_type() != "text/event-stream":
            answer.close()
            raise self.stranger()
        lines: Stream = answer
        return lines

    def _request(
        self, path: str, headers: dict[str, str], body: bytes | None = None, method: str = "GET"
    ) -> urllib.request.Request:
        """A request with the token."""
        own = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        return urllib.request.Request(self.url + path, data=body, headers=headers | own, method=method)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise NotFound, Unreachable or Refused for what opening and reading an answer raises."""
        try:
            yield
        except urllib.error.HTTPError as error:
            detail, kind = _problem(error)
            if kind == "refused" and error.code in PROXY_STATUSES:
                raise Unreachable(f"no service answers behind {self.url}: {detail}") from None
            raise (NotFound(detail) if error.code == 404 else Refused(detail, kind)) from None
        except UNREADABLE as error:
            reason = getattr(error, "reason", error) or type(error).__name__
            through = f" through the proxy {self._proxy.rpartition('@')[2]}" if self._proxy else ""
            raise Unreachable(
                f"no service answers at {self.url}{through} ({reason}); start one with: isoflop serve"
            ) from None


def service_client(environ: Mapping[str, str] | None = None) -> Client | None:
    """The client of the service that ISOFLOP_URL names; None if it names none. Raises SettingsError."""
    url = variable("ISOFLOP_URL", environ)
    return Client(url, read_token(environ)) if url else None


def local_client(environ: Mapping[str, str] | None = None) -> Client:
    """The client of a service with the usual port on this machine."""
    return Client("http://127.0.0.1:8337", read_token(environ))


def _checked_host(url: str) -> str:
    """The host in a service's URL. Raises SettingsError if it is no address of a service."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
        well_formed = parts.scheme in ("http", "https") and host and port != 0 and host.encode("idna")
    except ValueError:
        well_formed = False
    if not well_formed or not re.fullmatch(r"[!-~]+", url) or parts.query or parts.fragment or parts.username:
        raise SettingsError(f"ISOFLOP_URL is {shown(url)}: give the service's address, such as http://127.0.0.1:8337")
    return str(host)


def _is_loopback(host: str) -> bool:
    """Whether a host is this machine, which no proxy can reach."""
    try:
        return host == "localhost" or host.endswith(".localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _json_of(answer: http.client.HTTPResponse | urllib.error.HTTPError) -> Any:
    """The JSON of an answer's body. Raises one of UNREADABLE for what is none."""
    content = answer.read()
    packed = answer.headers.get("Content-Encoding") == "gzip"
    return json.loads(gzip.decompress(content) if packed else content)


def _problem(error: urllib.error.HTTPError) -> tuple[str, str]:
    """Detail and kind of a problem document (RFC 9457); for any other answer, its status and `refused`."""
    try:
        document = _json_of(error)
        return str(document["detail"]), str(document["type"]).rpartition(":")[2]
    except (*UNREADABLE, KeyError, TypeError):
        return f"the service answered {error.code} {error.reason}", "refused"
