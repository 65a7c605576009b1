"""What is known stays known while the database is away; one of those who ask tries again, and nobody else waits."""

from __future__ import annotations

import threading

import pytest

from orchestrator.store import Unavailable
from orchestrator.use_cases import fresh
from orchestrator.use_cases.fresh import Fresh


class Source:
    """A database that can be away, and can take its time to say so."""

    def __init__(self) -> None:
        self.value, self.asked = 0, 0
        self.away = False
        self.slow: threading.Event | None = None
        self.entered = threading.Event()

    def read(self, _earlier: int | None) -> int:
        self.asked += 1
        self.entered.set()
        if self.slow is not None:
            assert self.slow.wait(30)
        if self.away:
            raise Unavailable("locked")
        self.value += 1
        return self.value


def test_a_value_is_read_for_each_who_asks_and_stays_while_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = Source()
    value: Fresh[int] = Fresh(source.read)
    assert [value.get(), value.get(), value.age] == [1, 2, 0.0]
    source.away = True
    assert value.get() == value.get() == 2 and value.age > 0
    assert source.asked == 3, "nobody asks again before the pause is over"
    monkeypatch.setattr(fresh, "PAUSE_SECONDS", 0.0)
    source.away = False
    assert [value.get(), value.age] == [3, 0.0]


def test_without_a_value_the_error_is_everybodys() -> None:
    source = Source()
    source.away = True
    value: Fresh[int] = Fresh(source.read)
    for _ in range(3):
        with pytest.raises(Unavailable):
            value.get()
    assert source.asked == 1
    with pytest.raises(Unavailable):
        value.check()


def test_nobody_waits_for_the_one_who_tries_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source()
    value: Fresh[int] = Fresh(source.read)
    assert value.get() == 1
    value.failed(Unavailable("gone"))
    monkeypatch.setattr(fresh, "PAUSE_SECONDS", 0.0)
    source.slow = threading.Event()
    source.entered.clear()
    trying = threading.Thread(target=value.get)
    trying.start()
    assert source.entered.wait(30)
    assert [value.get() for _ in range(50)] == [1] * 50
    source.slow.set()
    trying.join()
    assert value.get() == 3


def test_what_still_holds_is_known_without_a_look() -> None:
    source = Source()
    value: Fresh[int] = Fresh(source.read)
    assert value.known_if(lambda _: True) is None, "nothing was read"
    value.get()
    assert [value.known_if(lambda read: read == 1), value.known_if(lambda read: read == 2)] == [1, None]
    value.failed(Unavailable("gone"))
    assert value.known_if(lambda _: True) is None and source.asked == 1
