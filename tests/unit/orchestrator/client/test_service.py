"""The client of a service, against a server that remembers what it was asked."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from orchestrator.client import Client, Refused, Unreachable, patience, service_client
from orchestrator.environment import SettingsError
from orchestrator.errors import NotFound


class _Handler(BaseHTTPRequestHandler):
    asked: list[tuple[str, str, bytes, Any, Any]]
    answers: list[tuple[int, Any]]
    after: list[str | None]
    lacking = 0

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = self.headers.get("Authorization"), self.headers.get("Content-Type")
        self.asked.append((self.command, self.path, body, *headers))
        self.after.append(self.headers.get("Last-Event-ID"))
        status, content = self.answers.pop(0)
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) + self.lacking))
        if data.startswith(b"\x1f\x8b"):
            self.send_header("Content-Encoding", "gzip")
        if data.startswith(b"id: "):
            self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _answer  # noqa: N815 - as http.server calls them

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Any]:
    handler = type("Handler", (_Handler,), {"asked": [], "answers": [], "after": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    handler.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    yield handler
    server.shutdown()
    server.server_close()


def test_a_sweep_is_submitted_with_overrides_and_a_token(service: Any) -> None:
    service.answers += [(200, {"name": "a"}), (200, {})]
    client = Client(service.url + "/", "secret")
    assert client.submit(b"name: a", ["x=1", "y=2"], rerun=True) == {"name": "a"}
    client.submit(b"name: a")
    path = "/api/v1/sweeps?override=x%3D1&override=y%3D2&rerun=true"
    assert service.asked == [
        ("POST", path, b"name: a", "Bearer secret", "application/yaml"),
        ("POST", "/api/v1/sweeps", b"name: a", "Bearer secret", "application/yaml"),
    ]


def test_questions_quote_names(service: Any) -> None:
    service.answers += [(200, {"n": 1}), (200, {"message": "paused"}), (200, [{"number": 1}]), (200, [{"number": 0}])]
    client = Client(service.url)
    assert client.sweep("a/b@c") == {"n": 1}
    assert client.control("a b", "pause") == "paused"
    assert (client.log("r"), client.log("r", 0)) == ([{"number": 1}], [{"number": 0}])
    assert [(method, path) for method, path, *_ in service.asked] == [
        ("GET", "/api/v1/sweeps/a%2Fb%40c"),
        ("POST", "/api/v1/sweeps/a%20b/pause"),
        ("GET", "/api/v1/runs/r/log"),
        ("GET", "/api/v1/runs/r/log?attempt=0"),
    ]
    assert all(token is None for *_, token, _ in service.asked)


def test_problems_keep_their_sentence_and_kind(service: Any) -> None:
    problem = {"type": "urn:isoflop:ceiling", "detail": "too much"}
    service.answers += [(409, problem), (409, problem | {"type": "urn:isoflop:of-a-later-version"}), (500, b"<html>")]
    client = Client(service.url)
    for kind, message in (("ceiling", "too much"), ("refused", "too much"), ("refused", "answered 500")):
        with pytest.raises(Refused, match=message) as refused:
            client.sweep("a")
        assert refused.value.kind == kind


def test_what_is_not_found_and_who_does_not_answer(service: Any) -> None:
    service.answers += [(404, {"type": "urn:isoflop:not-found", "detail": "there is no sweep"}), (200, b"no JSON")]
    with pytest.raises(NotFound, match="there is no sweep"):
        Client(service.url).sweep("a")
    with pytest.raises(Unreachable, match=r"no service answers at .*start one with: isoflop serve"):
        Client(service.url).sweep("a")
    with pytest.raises(Unreachable, match=r"no service answers at http://127\.0\.0\.1:9"):
        Client("http://127.0.0.1:9").sweep("a")
    with pytest.raises(SettingsError, match="give the service's address"):
        Client("ftp://there")


def test_the_environment_names_the_service() -> None:
    assert service_client({}) is None is service_client({"ISOFLOP_URL": ""})
    made = service_client({"ISOFLOP_URL": "http://here:1/", "ISOFLOP_TOKEN": "0123456789abcdef\n"})
    assert made is not None and made.url == "http://here:1"


@pytest.mark.parametrize(
    "url",
    ["http://[::1", "foo", "http://", "http://h:99999", "http://h:0", "http://a b", "http://..", "http://u:p@h", "http://h?x",
     "ftp://there", "http://h\n", "http://ö"],
)  # fmt: skip
def test_what_is_no_address_names_the_variable(url: str) -> None:
    with pytest.raises(SettingsError, match="ISOFLOP_URL is"):
        service_client({"ISOFLOP_URL": url})


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "https://host.example/base/", "http://[::1]:80", "http://localhost"]
)
def test_addresses_of_services(url: str) -> None:
    client = service_client({"ISOFLOP_URL": url})
    assert client is not None and client.url == url.rstrip("/")


def test_loopback_is_asked_past_the_proxy(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    service.answers += [(200, {"n": 1})]
    assert Client(service.url).sweep("a") == {"n": 1}


def test_a_proxy_that_does_not_answer_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://me:secret@127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(Unreachable, match=r"at http://host\.example through the proxy 127\.0\.0\.1:9 ") as failed:
        Client("http://host.example").sweep("a")
    assert "secret" not in str(failed.value)
    monkeypatch.setenv("no_proxy", "host.example")
    with pytest.raises(Unreachable) as direct:
        Client("http://host.example:1").sweep("a")
    assert "proxy" not in str(direct.value)


def test_an_answer_of_another_service_is_none(service: Any) -> None:
    service.answers += [(200, ["other"]), (200, b"no JSON")]
    with pytest.raises(Unreachable, match="not a service of this version"):
        Client(service.url).control("a", "pause")
    with pytest.raises(Unreachable, match="no service answers"):
        Client(service.url).control("a", "pause")


def test_a_list_that_is_none_and_rows_without_their_columns_are_a_strangers(service: Any) -> None:
    service.answers += [(200, {}), (200, [{"attempt": 1}]), (200, [{"name": "a"}]), (200, [])]
    client = Client(service.url)
    for ask in (client.sweeps, lambda: client.log("r"), client.sweeps):
        with pytest.raises(Unreachable, match="is not a service of this version"):
            ask()
    assert client.sweeps() == []


def test_progress_is_watched_over_a_cut_and_a_proxy_without_its_service(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.0)
    told = [{"name": "a/b", "revision": "f0", "done": 1}, {"name": "a/b", "revision": "f0", "finished": True}]
    first, last = (f"id: {at}\nevent: progress\ndata: {json.dumps(each)}\n\n".encode() for at, each in enumerate(told))
    service.answers += [(200, first), (502, b"<h1>Bad Gateway</h1>"), (503, b"{}"), (200, last)]
    away: list[str] = []
    said = list(Client(service.url, "secret").watch("a/b", lambda error: away.append(str(error))))
    assert said == told
    revision = "/api/v1/sweeps/a%2Fb%40f0/events"
    assert [each[1] for each in service.asked] == ["/api/v1/sweeps/a%2Fb/events", revision, revision, revision]
    assert [each[3] for each in service.asked] == ["Bearer secret"] * 4
    assert service.after == [None, "0", "0", "0"]
    assert away == [f"no service answers behind {service.url}: the service answered 502 Bad Gateway"]


@pytest.mark.parametrize(
    "answer",
    [
        b"<h1>Welcome</h1>",
        b"id: a\ndata: <h1>\n\n",
        b"id: a\ndata: [1]\n\n",
        b'id: a\ndata: {"name": "a"}\n\n',
        b'id: a\ndata: "\xe9"\n\n',
    ],
)
def test_what_sends_no_events_is_a_stranger(service: Any, answer: bytes) -> None:
    service.answers.append((200, answer))
    with pytest.raises(Unreachable, match="is not a service of this version"):
        next(Client(service.url).watch("a"))


def test_a_refusal_of_the_service_itself_is_none_of_a_proxy(service: Any) -> None:
    service.answers.append((503, {"detail": "the database is away", "type": "urn:isoflop:database-away"}))
    with pytest.raises(Refused, match="the database is away") as refused:
        Client(service.url).sweep("a")
    assert refused.value.kind == "database-away"


@pytest.mark.parametrize(("status", "error"), [(502, Unreachable), (422, Refused), (404, NotFound)])
def test_an_error_whose_body_is_cut_is_told_by_its_status(service: Any, status: int, error: type[Exception]) -> None:
    service.answers.append((status, b"<h1>Ba"))
    service.lacking = 10
    with pytest.raises(error, match=f"the service answered {status}"):
        Client(service.url).sweep("a")


def test_a_problem_that_a_proxy_has_compressed_keeps_its_sentence_and_kind(service: Any) -> None:
    problem = json.dumps({"detail": "the database is away", "type": "urn:isoflop:database-away"}).encode()
    service.answers.append((503, gzip.compress(problem)))
    with pytest.raises(Refused, match="the database is away") as refused:
        Client(service.url).sweep("a")
    assert refused.value.kind == "database-away"
