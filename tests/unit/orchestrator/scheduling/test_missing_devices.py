"""Sweeps whose kind of device no worker has: noted after a while, and cleared."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.attempts import Kinds, Slot
from orchestrator.scheduling import missing_devices
from orchestrator.scheduling.job import Job
from orchestrator.scheduling.missing_devices import LOOK_SECONDS, PATIENCE_SECONDS, MissingDevices
from tests.unit.orchestrator.scheduling.test_job import RUN
from tests.unit.orchestrator.store_fixtures import made_cell, sweep_record


class Room:
    """The world around a MissingDevices, on a clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.looks, self.notes = 1000.0, 0, []
        self.workers = [Slot("w", "w", "Xeon")]
        self.missing = MissingDevices()
        monkeypatch.setattr(missing_devices.time, "monotonic", lambda: self.now)
        self.store: Any = SimpleNamespace(note_waits=lambda waits: self.notes.append(dict(waits)))

    def kinds(self) -> Kinds:
        self.looks += 1
        return Kinds(tuple(self.workers))

    def look(self, kinds: Mapping[int, str], after: float = LOOK_SECONDS) -> None:
        """Look again with a sweep of each id that waits for a kind."""
        self.now += after
        jobs = [
            Job(replace(RUN, id=f"r{i}", cell=made_cell(kind=kind)), replace(sweep_record(f"s{i}"), id=i))
            for i, kind in kinds.items()
        ]
        self.missing.look({job.kind for job in jobs}, self.kinds, jobs, self.store)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    return Room(monkeypatch)


def test_a_kind_is_missing_after_a_while_and_noted_with_what_there_is(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    room.look({1: "l40s", 2: "cpu"})
    room.look({1: "l40s", 2: "cpu"}, PATIENCE_SECONDS - 1)
    assert room.notes == [] and caplog.messages == []
    room.look({1: "l40s", 2: "cpu"}, LOOK_SECONDS)
    sentence = (
        "waits for a worker of kind l40s: the workers have Xeon. "
        "Add one, or cancel the sweep and submit it with another device"
    )
    assert room.notes == [{1: sentence}]
    room.look({1: "l40s", 3: "l40s"})
    assert room.notes[1] == {1: sentence, 3: sentence}
    assert caplog.messages == [f"sweep s1 {sentence}", f"sweep s3 {sentence}"], "each is logged once"


def test_a_note_goes_when_a_worker_comes_or_nothing_waits(room: Room) -> None:
    for kinds in ({1: "h100"}, {}):
        room.missing, room.workers = MissingDevices(), [Slot("w", "w", "Xeon")]
        room.look({1: "h100"})
        room.look({1: "h100"}, PATIENCE_SECONDS)
        room.notes.clear()
        if kinds:
            room.workers = [Slot("w", "w", "NVIDIA H100 80GB HBM3", gpu=True)]
        room.look(kinds)
        assert room.notes == [{}]
        room.look(kinds)
        assert room.notes == [{}], "noted once"


def test_patience_begins_anew_when_a_kind_was_there(room: Room) -> None:
    room.look({1: "l40s"})
    room.look({1: "cpu"})
    room.look({1: "l40s"}, PATIENCE_SECONDS)
    assert room.notes == []


def test_it_looks_only_now_and_then_and_not_for_runs_that_take_any_device(room: Room) -> None:
    room.look({1: "auto"})
    assert room.looks == 0
    room.look({1: "l40s"})
    room.look({1: "l40s"}, LOOK_SECONDS / 2)
    assert room.looks == 1
    room.look({1: "l40s"}, LOOK_SECONDS / 2)
    assert room.looks == 2
