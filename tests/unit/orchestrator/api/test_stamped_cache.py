"""What holds for one stamp of the database: it goes with the next one, and within limits before."""

from __future__ import annotations

import pytest

from orchestrator.api import stamped_cache
from orchestrator.api.stamped_cache import StampedCache


def filled(*places: str) -> StampedCache[str]:
    made: StampedCache[str] = StampedCache()
    for place in places:
        made.get(1, place)
        made.put(1, place, place.upper(), 10)
    return made


def test_another_stamp_takes_all_away() -> None:
    made = filled("a", "b")
    assert (made.get(1, "a"), made.get(1, "c")) == ("A", None)
    assert (made.get(2, "a"), made.get(1, "a")) == (None, None)
    made.put(2, "a", "late", 10)
    assert (made._bytes, len(made._kept)) == (0, 0), "what was made for an earlier stamp is not kept"


def test_the_longest_unused_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamped_cache, "MOST", 2)
    made = filled("a", "b", "a", "c")
    assert [made.get(1, place) for place in "abc"] == ["A", None, "C"]
    monkeypatch.setattr(stamped_cache, "BYTES", 15)
    made.put(1, "d", "D", 10)
    assert [made.get(1, place) for place in "acd"] == [None, None, "D"]
    made.put(1, "d", "larger than all room", 16)
    assert (made._bytes, len(made._kept)) == (0, 0)
