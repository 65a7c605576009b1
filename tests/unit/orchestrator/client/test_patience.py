"""Following a service: restarts and cuts are survived, and what will not pass is said."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterable, Iterator

import pytest

from orchestrator.client import Refused, Unreachable, patience
from orchestrator.client.patience import Event, Patience, Stream, events, resumed
from orchestrator.errors import NotFound
from tokenizer.errors import ExpectedError

AWAY, GONE = Unreachable("no service answers"), Refused("not there", "database-away")


class Asked:
    """Answers a question with one thing after the other."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)

    def __call__(self) -> object:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only a pause moves; the pauses."""
    made: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", made.append)
    monkeypatch.setattr(patience.time, "monotonic", lambda: sum(made))
    return made


def test_a_service_that_has_answered_may_be_away_for_a_while(pauses: list[float]) -> None:
    told: list[ExpectedError] = []
    patient = Patience(told.append, 3.0)
    assert patient.ask(Asked(1)) == 1
    assert patient.ask(Asked(AWAY, GONE, 2)) == 2
    assert patient.ask(Asked(GONE, AWAY, AWAY, 3)) == 3
    assert told == [AWAY, GONE] and pauses == [1.0] * 5
    with pytest.raises(Unreachable):
        patient.ask(Asked(*[AWAY] * 4))
    assert len(pauses) == 8


@pytest.mark.parametrize("error", [NotFound("no such sweep"), Refused("you may not", "forbidden")])
def test_what_will_not_pass_is_raised_at_once(error: ExpectedError, pauses: list[float]) -> None:
    patient = Patience(lambda _: None)
    patient.ask(Asked(1))
    with pytest.raises(type(error)):
        patient.ask(Asked(error))
    assert not pauses


def test_nobody_waits_for_a_service_that_never_answered() -> None:
    with pytest.raises(Unreachable):
        Patience(lambda _: None).ask(Asked(AWAY, 1))


def test_events_have_ids_and_whole_data() -> None:
    stream = (
        b": still here\n\nid: a\nevent: progress\ndata: {1\ndata:2}\n\nid: b\r\ndata: 3\r\n\r\nid: c\ndata: cut off\n"
    )
    assert list(events(stream.splitlines(keepends=True))) == [Event("a", "{1\n2}"), Event("b", "3")]


def test_another_stream_goes_on_after_the_last_event(pauses: list[float]) -> None:
    def cut(error: Exception) -> Iterator[bytes]:
        yield from (b"id: b\n", b'data: {"n": 2}\n', b"\n", b"id: c\n")
        raise error

    streams: list[Iterable[bytes]] = [
        [b"id: a\n", b'data: {"n": 1}\n', b"\n"],
        cut(ConnectionResetError()),
        cut(http.client.IncompleteRead(b"")),
        [b"id: z\n", b'data: {"finished": true}\n', b"\n", b"id: y\n", b"data: {}\n", b"\n"],
    ]
    opened: list[str] = []

    def open_after(last: str) -> Stream:
        opened.append(last)
        return contextlib.nullcontext(streams.pop(0))

    said = list(resumed(open_after, Patience(lambda _: None)))
    assert said == [{"n": 1}, {"n": 2}, {"n": 2}, {"finished": True}]
    assert opened == ["", "a", "b", "b"] and pauses == [1.0] * 3
