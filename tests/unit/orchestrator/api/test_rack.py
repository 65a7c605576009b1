"""What holds for one stamp of the database: it goes with the next one, and within limits before."""

from __future__ import annotations

import pytest

from orchestrator.api import rack
from orchestrator.api.rack import Rack


def filled(*places: str) -> Rack[str]:
    made: Rack[str] = Rack()
    for place in places:
        made.find(1, place)
        made.lay(1, place, place.upper(), 10)
    return made


def test_another_stamp_takes_all_away() -> None:
    made = filled("a", "b")
    assert (made.find(1, "a"), made.find(1, "c")) == ("A", None)
    assert (made.find(2, "a"), made.find(1, "a")) == (None, None)
    made.lay(2, "a", "late", 10)
    assert (made._bytes, len(made._laid)) == (0, 0), "what was made for an earlier stamp is not kept"


def test_the_longest_unused_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rack, "MOST", 2)
    made = filled("a", "b", "a", "c")
    assert [made.find(1, place) for place in "abc"] == ["A", None, "C"]
    monkeypatch.setattr(rack, "BYTES", 15)
    made.lay(1, "d", "D", 10)
    assert [made.find(1, place) for place in "acd"] == [None, None, "D"]
    made.lay(1, "d", "larger than all room", 16)
    assert (made._bytes, len(made._laid)) == (0, 0)
