"""Requests that come again byte for byte: the same answer as from the application, and none that is no longer true."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from orchestrator.api import health
from orchestrator.api.app import create_app
from orchestrator.api.connections import timed_protocol
from orchestrator.api.repeats import Repeats
from orchestrator.people import Role
from orchestrator.use_cases.accounts import add_user, revoke
from orchestrator.use_cases.control import pause
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.use_cases.homes import small_home

SHOWN = "/api/v1/sweeps/demo"
KEPT = "/api/v1/sweeps/demo/forecasts"
"""What shows no run in training, and is true until something is written."""


class Service:
    """A service that really listens, and how often its application was asked."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.asked = 0
        app = create_app(workspace)
        self.repeats: Repeats = app.state.repeats

        async def counted(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
            self.asked += scope["type"] == "http"
            await app(scope, receive, send)

        protocol = timed_protocol(100, repeats=self.repeats)
        config = uvicorn.Config(counted, port=0, log_level="error", http=protocol)
        self.server = uvicorn.Server(config)
        self.bound = config.bind_socket()

    def ask(self, *headers: str, path: str = KEPT, method: str = "GET", times: int = 1) -> list[tuple[int, str, str]]:
        """Status, headers without those that differ each time, and body, of requests on one connection."""
        lines = (f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers)
        found = []
        with socket.create_connection(self.bound.getsockname(), timeout=30) as connection:
            for _ in range(times):
                connection.sendall("\r\n".join((*lines, "", "")).encode())
                found.append(_answer(connection, method))
        return found


def _answer(connection: socket.socket, method: str) -> tuple[int, str, str]:
    """The answer that a connection receives."""
    text = ""
    while "\r\n\r\n" not in text:
        text += connection.recv(1).decode()
    head = [line for line in text.lower().split("\r\n") if not line.startswith(("date:", "x-request-id:"))]
    length = next((int(line[15:]) for line in head if line.startswith("content-length:")), 0)
    body = ""
    while method != "HEAD" and len(body) < length:
        body += connection.recv(length - len(body)).decode()
    return int(head[0].split()[1]), "\n".join(sorted(head)), body


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = Service(small_home(tmp_path_factory.mktemp("home")))
    thread = threading.Thread(target=made.server.run, kwargs={"sockets": [made.bound]})
    thread.start()
    while not made.server.started:
        time.sleep(0.01)
    with contextlib.closing(made.workspace):
        yield made
        made.server.should_exit = True
        thread.join()


def test_the_third_time_the_connection_answers_and_says_the_same(service: Service) -> None:
    asked = service.asked
    first, *others = service.ask(times=5)
    assert first[0] == 200 and others == [first] * 4 and "x-content-type-options: nosniff" in first[1]
    assert service.asked == asked + 2
    counted = sum(each.cumulative[-1] for each in service.repeats._latencies.read().values())
    assert counted == 5, "the monitor sees them all"
    tag = next(line for line in first[1].splitlines() if line.startswith("etag:"))
    unchanged = service.ask(f"If-None-Match: {tag[6:].replace('w/', '')}", times=3)
    assert [(status, body) for status, _, body in unchanged] == [(304, "")] * 3 and service.asked == asked + 3


def test_a_change_is_seen_at_once(service: Service) -> None:
    before = service.ask(path=SHOWN, times=3)
    pause(service.workspace, "demo")
    (after,) = service.ask(path=SHOWN)
    assert '"held":"paused"' in after[2] and after[2] not in [body for _, _, body in before]


@pytest.mark.parametrize(
    "different",
    [{"method": "HEAD"}, {"path": KEPT + "?x=1"}, {"path": "/readyz"}, {"path": "/api/v1/sweeps/other"}],
)
def test_what_is_no_kept_answer_goes_to_the_application(service: Service, different: dict[str, str]) -> None:
    service.ask(times=3)
    asked = service.asked
    assert len({each[0] for each in service.ask(times=3, **different)}) == 1  # type: ignore[arg-type]
    assert service.asked == asked + 3


def test_health_comes_again_for_a_while_whoever_asks(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = service.asked
    answers = service.ask(path="/healthz", times=3) + service.ask("Authorization: Bearer x", path="/healthz", times=3)
    assert {(status, body) for status, _, body in answers} == {(200, '{"scheduler":"not ready"}')}
    assert service.asked == asked + 2
    monkeypatch.setattr(health, "HEALTH_SECONDS", 0.0)
    service.ask("X-Other: 1", path="/healthz", times=3)
    assert service.asked == asked + 5


def test_who_closes_or_sends_more_is_heard_by_the_application(service: Service) -> None:
    service.ask(times=3)
    asked = service.asked
    for _ in range(3):
        assert "connection: close" in service.ask("Connection: close")[0][1]
    assert service.ask("Content-Length: 0", times=3)[0][0] == 200
    assert service.asked == asked + 4


def test_a_token_that_was_revoked_lets_nobody_in(service: Service) -> None:
    """The last test: with an account the service is closed to whoever has no token."""
    token = add_user(service.workspace, "ada", Role.READER, "", "laptop", None)
    header = f"Authorization: Bearer {token}"
    assert [each[0] for each in service.ask(header, times=4)] == [200] * 4
    assert service.ask()[0][0] == 401
    assert [each[0] for each in service.ask(path="/healthz", times=2)] == [200] * 2
    revoke(service.workspace, "ada", None)
    assert service.ask(header)[0][0] == 401
