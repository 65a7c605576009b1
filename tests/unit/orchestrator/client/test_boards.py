"""The client's part about boards: what it asks of a service, and what it makes of the answers."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.boards import Forecast
from orchestrator.client.boards import BoardVerbs
from tests.unit.orchestrator.use_cases.board_homes import asked

OBJECTS = (("GET", "/api/v1/boards/a%20b"), ("POST", "/api/v1/boards"))
"""Questions that are answered by an object; the others, by rows."""


class Recorded(BoardVerbs):
    """A client that writes down what it would ask."""

    url = "http://lab"

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []

    def _call(self, method: str, path: str, body: bytes | None = None) -> Any:
        self.calls.append((method, path, json.loads(body) if body else None))
        return {} if (method, path) in OBJECTS else []


def test_each_verb_is_one_request() -> None:
    client = Recorded()
    client.boards()
    client.board("a b")
    client.close_board("x")
    client.decide_board("x", "truth")
    client.members("cs")
    assert [call[:2] for call in client.calls] == [
        ("GET", "/api/v1/boards"),
        ("GET", "/api/v1/boards/a%20b"),
        ("POST", "/api/v1/boards/x/close"),
        ("POST", "/api/v1/boards/x/decide"),
        ("GET", "/api/v1/classes/cs"),
    ]


def test_bodies_are_those_of_the_schemas() -> None:
    from orchestrator.api.board_schemas import BoardAsked, EntryAsked, RosterAsked

    client = Recorded()
    client.open_board(asked(), "2030-01-01T00:00:00+00:00", "lab")
    client.enter_board("speed", ["run0"])
    client.enter_board("speed", forecast=Forecast(1.0, 2.0, 3.0, 2.5, 3.5))
    client.enrol("cs", ["ann"], flops=1e9, days=None)
    opened, runs, typed, roster = (call[2] for call in client.calls)
    assert BoardAsked.model_validate(opened).asked().text == asked().text
    assert EntryAsked.model_validate(runs).runs == ["run0"]
    assert EntryAsked.model_validate(typed).as_forecast() == Forecast(1.0, 2.0, 3.0, 2.5, 3.5)
    assert RosterAsked.model_validate(roster).quota().flops == 1e9
