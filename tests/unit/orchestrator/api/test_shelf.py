"""The shelf: nothing that was written leaves an old answer there, and nobody gets what their role was not given."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from orchestrator.api.app import create_app
from orchestrator.api.documents import json_document, reply
from orchestrator.api.shelf import FOREVER, Shelf, lay
from orchestrator.people import Actor, Role
from orchestrator.use_cases.control import pause, resume
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.use_cases.homes import small_home

SWEEPS = "/api/v1/sweeps"


class Routes:
    """Routes that count how often they are asked, and answer with that number."""

    def __init__(self, until: float = FOREVER, status: int = 200) -> None:
        self.asked = 0
        self.until, self.status = until, status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        found = json_document({"number": self.asked, "padding": "x" * 2000})
        lay(
            Request(scope),
            found if self.status == 200 else found.__class__(b"", "", "", status=self.status),
            self.until,
        )
        await reply(Request(scope), found)(scope, receive, send)


def ask(layer: Shelf, path: str = "/a", query: bytes = b"", stamp: int | None = 1, role: Role = Role.READER,
        host: bytes = b"here", **headers: str) -> tuple[int, bytes]:  # fmt: skip
    """Status and body of the answer to a request."""
    sent: list[Message] = []
    named = [(b"host", host), *((key.replace("_", "-").encode(), value.encode()) for key, value in headers.items())]
    state = {"actor": Actor("ada", role, "", ""), "stamp": stamp}
    scope = {"type": "http", "method": "GET", "scheme": "http", "path": path, "query_string": query, "headers": named}

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    asyncio.run(layer({**scope, "state": state}, receive, send))
    return sent[0]["status"], sent[1]["body"]


def test_an_answer_is_given_again_until_something_is_written() -> None:
    routes = Routes()
    layer = Shelf(routes)
    first = ask(layer)
    assert ask(layer) == first and routes.asked == 1
    assert ask(layer, stamp=2) != first and routes.asked == 2
    assert ask(layer, stamp=1) != first, "what was on the shelf before is gone"


@pytest.mark.parametrize(
    "other",
    [{"path": "/b"}, {"query": b"x=1"}, {"role": Role.ADMIN}, {"host": b"there"}],
    ids=lambda each: next(iter(each)),
)
def test_another_address_or_role_asks_the_route(other: dict[str, object]) -> None:
    routes = Routes()
    layer = Shelf(routes)
    assert ask(layer) != ask(layer, **other)  # type: ignore[arg-type]
    assert routes.asked == 2


@pytest.mark.parametrize(
    ("routes", "stamp"), [(Routes(), None), (Routes(until=0.0), 1), (Routes(status=404), 1)],
    ids=["no stamp", "aged", "no success"],
)  # fmt: skip
def test_what_may_be_out_of_date_or_is_no_success_is_not_given_again(routes: Routes, stamp: int | None) -> None:
    layer = Shelf(routes)
    assert [ask(layer, stamp=stamp), ask(layer, stamp=stamp)] and routes.asked == 2


def test_a_kept_answer_is_compressed_or_304_as_the_client_asks() -> None:
    layer = Shelf(Routes())
    plain, packed = ask(layer)[1], ask(layer, accept_encoding="gzip")[1]
    assert len(packed) < len(plain) / 10
    tag = json_document({"number": 1, "padding": "x" * 2000}).tag
    assert ask(layer, if_none_match=tag) == (304, b"")


def test_an_answer_that_a_change_overtook_is_not_kept() -> None:
    class Overtaken(Routes):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            layer._cache.get(2, "/b")  # another request, behind the change
            await super().__call__(scope, receive, send)

    routes = Overtaken()
    layer = Shelf(routes)
    ask(layer, stamp=1)
    ask(layer, stamp=2)
    assert routes.asked == 2


def test_a_change_by_anybody_is_seen_at_once(tmp_path: Path) -> None:
    workspace = small_home(tmp_path)
    other = Workspace(workspace.home, workspace.settings)  # as another process
    client = TestClient(create_app(workspace), base_url="http://127.0.0.1")

    def held() -> str:
        (latest, _) = client.get(SWEEPS).json()
        return str(latest["held"])

    free = held()
    assert held() == free
    for who in (workspace, other):
        pause(who, "demo")
        assert held() != free
        resume(who, "demo")
        assert held() == free
    workspace.close()
    other.close()
