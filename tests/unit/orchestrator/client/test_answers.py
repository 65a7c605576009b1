"""Answers are objects or rows, fetched part by part; what is neither is no service of this version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.client import answers
from orchestrator.client.answers import Answers, Unreachable
from orchestrator.errors import NotFound

ANSWER: dict[str, Any] = {"n": 1, "text": "x"}


class Fixed(Answers):
    """Asks nobody: each call takes the next answer."""

    url = "http://lab"

    def __init__(self, *given: Any) -> None:
        self.given = list(given)
        self.paths: list[str] = []

    def _call(self, method: str, path: str, body: bytes | None = None) -> Any:
        self.paths.append(path)
        return self.given.pop(0)


@pytest.mark.parametrize("given", [[], None, "text", 1, [{}]])
def test_what_is_no_object_is_a_strangers(given: Any) -> None:
    with pytest.raises(Unreachable, match=r"what answers at http://lab is not a service of this version"):
        Fixed(given)._object("GET", "/a")


@pytest.mark.parametrize("given", [{}, None, "text", [1], [{}, []]])
def test_what_is_no_list_of_objects_is_a_strangers(given: Any) -> None:
    with pytest.raises(Unreachable, match="check ISOFLOP_URL"):
        Fixed(given)._rows("GET", "/a")
    with pytest.raises(Unreachable, match="check ISOFLOP_URL"):
        Fixed(given)._all("/a")


def test_a_list_is_fetched_until_a_part_is_not_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "PART", 2)
    rows = [{"n": number} for number in range(4)]
    client = Fixed(rows[:2], rows[2:3])
    assert client._all("/a") == rows[:3]
    assert client.paths == ["/a?limit=2&offset=0", "/a?limit=2&offset=2"]
    full = Fixed(rows[:2], rows[2:], [])
    assert full._all("/a") == rows and full.paths[2:] == ["/a?limit=2&offset=4"]


@pytest.mark.parametrize("read", [lambda: ANSWER["a"], lambda: ANSWER["n"] + "1", lambda: int(ANSWER["text"])])
def test_what_an_answer_lacks_is_a_strangers(read: Callable[[], object]) -> None:
    with pytest.raises(Unreachable, match="check ISOFLOP_URL"), Fixed().understood():
        read()


def test_an_error_of_the_service_stays_its_own_while_an_answer_is_read() -> None:
    with pytest.raises(NotFound, match="no sweep"), Fixed().understood():
        raise NotFound("there is no sweep")
