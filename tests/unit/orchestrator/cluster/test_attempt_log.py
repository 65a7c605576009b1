"""The event log: durable lines, an incomplete last one ignored, and the outcomes that can be read from it."""

from __future__ import annotations

from pathlib import Path

from orchestrator.attempts import Outcome
from orchestrator.cluster.attempt_log import (
    Event,
    EventLog,
    attempt_log,
    furthest,
    logged_outcome,
    orphaned_outcome,
    read_events,
    result_of,
)
from orchestrator.states import Cause


def test_events_come_back_and_a_torn_line_does_not_hurt(tmp_path: Path) -> None:
    path = attempt_log(tmp_path, "abc", 3)
    log = EventLog(path)
    log.append({"kind": "progress", "step": 1})
    log.append({"kind": "result", "result": {"loss": 2.0}})
    log.close()
    with path.open("ab") as file:
        file.write(b'{"kind": "prog')
    assert [e["kind"] for e in read_events(path)] == ["progress", "result"]
    found = result_of(read_events(path))
    assert found is not None
    assert found["result"] == {"loss": 2.0}


def test_no_log_and_no_result_are_no_error(tmp_path: Path) -> None:
    path = attempt_log(tmp_path, "abc", 1)
    assert read_events(path) == []
    log = EventLog(path)
    log.append({"kind": "progress"})
    log.close()
    assert result_of(read_events(path)) is None


EVENTS: list[Event] = [
    {"kind": "attempt"},
    {"kind": "progress", "flops": 5e8, "elapsed": 1.5},
    {"kind": "checkpoint", "flops": 4e8, "elapsed": 2.5},
]


def test_the_furthest_of_a_quantity_counts() -> None:
    assert (furthest(EVENTS, "flops"), furthest(EVENTS, "elapsed"), furthest(EVENTS, "tokens")) == (5e8, 2.5, 0.0)
    assert furthest([], "flops") == 0.0


def test_a_logged_result_is_the_outcome_of_an_attempt_that_nobody_reported() -> None:
    assert logged_outcome(EVENTS) is None
    ended: Event = {"kind": "result", "result": {"loss": 2.0}, "device": "GPU"}
    assert logged_outcome([*EVENTS, ended]) == Outcome(Cause.DONE, {"loss": 2.0}, device="GPU", seconds=2.5)
    later = ended | {"result": {"loss": 1.0}}
    assert logged_outcome([ended, later, *EVENTS]).result == {"loss": 1.0}  # type: ignore[union-attr]


def test_without_a_result_an_attempt_is_orphaned_with_what_it_logged() -> None:
    outcome = orphaned_outcome(EVENTS)
    assert (outcome.cause, outcome.seconds, outcome.flops) == (Cause.ORPHANED, 2.5, 5e8)
    assert outcome.detail == "its driver ended"
