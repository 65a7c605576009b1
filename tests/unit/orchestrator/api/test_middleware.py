"""What surrounds every request: headers on each answer, defects without their text, bodies that lie about their length."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from starlette.types import Message

from orchestrator.api.guard import BODY_BYTES
from orchestrator.api.middleware import POLICY, Surroundings
from orchestrator.people import Role
from orchestrator.use_cases.members import Entry, Members

TOKEN = "0123456789abcdef"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class OneToken(Members):
    """A service with one token, or without any, and no database."""

    def __init__(self, token: str | None) -> None:
        self.token = token

    def stamp(self) -> None:
        return None

    def entry(self, token: str) -> Entry:
        known = not self.token or token == self.token
        return Entry(bool(self.token), "ada" if known else "", Role.ADMIN if known else None)


def client_of(token: str | None = None, raises: bool = False) -> TestClient:
    app = FastAPI()
    members = OneToken(token)
    app.add_middleware(Surroundings, members=members)

    @app.get("/who")
    def who(request: Request) -> dict[str, str]:
        return asdict(request.state.actor)

    @app.get("/stays")
    async def stays(request: Request) -> list[bool]:
        before = await request.state.stays()
        members.token = "another-token-another"
        return [before, await request.state.stays()]

    @app.get("/fine")
    def fine() -> str:
        return "fine"

    @app.get("/broken")
    def broken() -> str:
        raise ZeroDivisionError("/home/me/secret.txt")

    @app.get("/half")
    def half() -> StreamingResponse:
        async def chunks() -> AsyncIterator[str]:
            yield "half"
            raise ZeroDivisionError("half")

        return StreamingResponse(chunks())

    @app.post("/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=raises)


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [("/fine", "127.0.0.1", 200), ("/nowhere", "127.0.0.1", 404), ("/broken", "127.0.0.1", 500),
     ("/fine", "evil.example", 403), ("/fine", "[::1", 400)],
)  # fmt: skip
def test_every_answer_has_the_security_headers(path: str, host: str, status: int) -> None:
    answer = client_of().get(path, headers={"Host": host})
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin", "or forms are sent from the origin null"


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert "unsafe" not in POLICY and "*" not in POLICY
    assert {"default-src 'self'", "object-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(
        POLICY.split("; ")
    )


def test_a_defect_shows_its_class_alone_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    answer = client_of().get("/broken")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:isoflop:internal" and "ZeroDivisionError" in answer.json()["detail"]
    assert "secret" not in answer.text
    (record,) = [r for r in caplog.records if r.name == "isoflop.service"]
    assert record.exc_info is not None and "GET '/broken' failed" in record.getMessage()


def test_an_answer_that_breaks_off_is_not_answered_twice() -> None:
    with pytest.raises(ZeroDivisionError, match="half"):
        client_of(raises=True).get("/half")


def parts(count: int) -> Iterator[bytes]:
    """A body of unknown length."""
    yield from [b"x" * 1024] * (count // 1024)
    yield b"x" * (count % 1024)


def test_a_body_of_unknown_length_is_limited_too() -> None:
    client = client_of()
    assert client.post("/size", content=parts(BODY_BYTES)).json() == BODY_BYTES
    refused = client.post("/size", content=parts(BODY_BYTES + 1))
    assert refused.status_code == 413 and "256 KiB" in refused.json()["detail"]
    lies = client.post("/size", content=parts(BODY_BYTES + 1), headers={"content-length": "5"})
    assert lies.status_code == 413


def test_a_refusal_for_want_of_the_token_asks_the_browser_for_it() -> None:
    answer = client_of(TOKEN).get("/fine")
    assert answer.status_code == 401 and answer.json()["type"] == "urn:isoflop:unauthorised"
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert "www-authenticate" not in client_of().get("/fine", headers={"Host": "evil.example"}).headers


def test_a_wrong_token_leaves_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "isoflop.service")
    client = client_of(TOKEN)
    client.get("/fine")  # a browser's first request
    client.get("/fine", headers={"Authorization": f"Bearer {TOKEN}"})
    assert not caplog.records
    client.get("/fi%1Bne", headers={"Authorization": "Bearer wrong-but-private"})
    (record,) = caplog.records
    assert record.getMessage().startswith("refused (wrong token): GET '/fi\\x1bne' from testclient (request ")
    client.get("/fine", headers={"Host": "[::1"})
    assert "refused (invalid-request)" in caplog.records[1].getMessage()


def test_every_answer_has_an_id_of_its_own_whatever_the_client_says() -> None:
    client = client_of(TOKEN)
    sent = {"X-Request-ID": "mine"}
    ids = [client.get("/fine", headers=each | sent).headers["x-request-id"] for each in ({}, BEARER, BEARER)]
    assert len(set(ids)) == 3 and "mine" not in ids
    answer = client.get("/who", headers=BEARER | sent | {"X-Forwarded-For": "192.0.2.1", "X-Remote-User": "root"})
    assert answer.json() == {
        "name": "ada", "role": "admin", "address": "testclient", "request": answer.headers["x-request-id"]
    }  # fmt: skip


def test_a_browser_without_a_token_comes_to_the_form() -> None:
    client = client_of(TOKEN)
    page = client.get("/fine?x=1", headers={"Accept": "text/html"}, follow_redirects=False)
    assert (page.status_code, page.headers["location"]) == (303, "/login?next=%2Ffine%3Fx%3D1")
    for path, accept in (("/api/v1/sweeps", "text/html"), ("/fine", "*/*")):
        assert client.get(path, headers={"Accept": accept}).status_code == 401


def test_what_is_not_http_passes() -> None:
    with client_of() as client:  # runs the lifespan
        assert client.get("/fine").status_code == 200


def test_a_caller_who_leaves_in_the_middle_of_the_body_leaves_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    app.add_middleware(Surroundings, members=OneToken(None))

    @app.post("/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    messages: list[Message] = [
        {"type": "http.request", "body": b"half", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-length", b"99")]
    scope = {"type": "http", "method": "POST", "path": "/size", "query_string": b"", "headers": headers}
    asyncio.run(app(scope, receive, send))
    assert not sent and not caplog.records


def test_an_answer_that_takes_long_can_ask_whether_its_caller_is_still_let_in() -> None:
    assert client_of(TOKEN).get("/stays", headers=BEARER).json() == [True, False]
