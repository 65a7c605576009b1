"""Streams of progress: one reader for all who listen, an id for each event, and an end."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.api import events as module
from orchestrator.api.events import Feeds, News


class Reader:
    """Reads one state after the other, the last one again and again."""

    def __init__(self, *states: News | Exception) -> None:
        self.states = list(states)
        self.reads = 0

    async def __call__(self, name: str) -> News:
        assert name == "demo"
        self.reads += 1
        await asyncio.sleep(0)
        state = self.states[min(self.reads, len(self.states)) - 1]
        if isinstance(state, Exception):
            raise state
        return state


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENT_SECONDS", 0.001)
    monkeypatch.setattr(module, "LISTENERS_A_SECOND", 1_000_000)


FIRST, SECOND, LAST = News("1", False), News("2", False), News("3", True)


async def listen(feeds: Feeds, last: str = "") -> list[str]:
    return [event async for event in feeds.listen("demo", last)]


def test_two_hundred_listeners_share_one_reader() -> None:
    reader = Reader(FIRST, FIRST, SECOND, LAST)
    feeds = Feeds(reader)

    async def together() -> list[list[str]]:
        return await asyncio.gather(*(listen(feeds) for _ in range(200)))

    heard = asyncio.run(together())
    assert reader.reads == 4
    assert [each == [news.event for news in (FIRST, SECOND, LAST)] for each in heard] == [True] * 200
    assert not feeds._feeds, "nobody listens: nobody reads"


def test_each_event_has_an_id_from_which_a_listener_goes_on() -> None:
    assert FIRST.event == f"id: {FIRST.id}\nevent: progress\ndata: 1\n\n"
    heard = asyncio.run(listen(Feeds(Reader(FIRST, LAST)), FIRST.id))
    assert heard == [LAST.event]
    assert asyncio.run(listen(Feeds(Reader(LAST)), LAST.id)) == []


def test_a_quiet_stream_says_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.01)
    reader = Reader(*[FIRST] * 50, LAST)
    heard = asyncio.run(listen(Feeds(reader)))
    assert heard[0] == FIRST.event and heard[-1] == LAST.event and ": still here\n\n" in heard


def test_the_last_listener_ends_the_reader_and_an_error_ends_the_stream() -> None:
    async def leave() -> int:
        reader = Reader(FIRST)
        feeds = Feeds(reader)
        stream = feeds.listen("demo")
        await anext(stream)
        await stream.aclose()
        assert not feeds._feeds
        reads = reader.reads
        await asyncio.sleep(0.02)
        return reader.reads - reads

    assert asyncio.run(leave()) <= 1
    assert asyncio.run(listen(Feeds(Reader(FIRST, OSError("away"))))) == [FIRST.event]


def test_who_is_no_longer_let_in_hears_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.01)
    feeds, answers = Feeds(Reader(FIRST)), [True, True, False]

    async def stays() -> bool:
        return answers.pop(0)

    async def heard() -> list[str]:
        return [event async for event in module.while_let_in(feeds.listen("demo"), stays)]

    quiet = ": still here\n\n"
    assert asyncio.run(heard()) == [FIRST.event, quiet, quiet]
    assert not feeds._feeds, "nobody listens: nobody reads"


def test_more_listeners_are_told_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LISTENERS_A_SECOND", 100)
    monkeypatch.setattr(module, "EVENT_SECONDS", 0.02)
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    async def together(count: int) -> None:
        feeds = Feeds(Reader(FIRST, LAST))
        await asyncio.gather(*(listen(feeds) for _ in range(count)))

    monkeypatch.setattr(asyncio, "sleep", noted)
    for listeners, seconds in ((1, 0.02), (5, 0.05)):
        pauses.clear()
        asyncio.run(together(listeners))
        assert max(pauses) == seconds


def test_between_two_groups_of_listeners_others_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GROUP", 2)
    heard: list[int] = []

    async def note(feeds: Feeds) -> None:
        async for event in feeds.listen("demo"):
            heard.append(0 if event == LAST.event else 1)

    async def count() -> list[int]:
        """How many had heard the last event at each turn of the loop."""
        feeds, counts = Feeds(Reader(FIRST, LAST)), []
        listeners = [asyncio.create_task(note(feeds)) for _ in range(6)]
        while not all(each.done() for each in listeners):
            counts.append(heard.count(0))
            await asyncio.sleep(0)
        return counts

    steps = asyncio.run(count())
    assert heard.count(0) == 6 and {2, 4} <= set(steps)
