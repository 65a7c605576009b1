"""The event log: durable lines, an incomplete last one ignored, and the outcomes that can be read from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestrator.attempts import Outcome
from orchestrator.cluster import attempt_log as module
from orchestrator.cluster.attempt_log import (
    Event,
    EventLog,
    attempt_log,
    furthest,
    logged_outcome,
    orphaned_outcome,
    parse_events,
    read_events,
    result_of,
)
from orchestrator.states import Cause


@pytest.fixture(autouse=True)
def _nothing_noted_yet() -> None:
    module._noted.clear()


def ended(loss: float) -> Event:
    result = {"loss": loss, "bits_per_byte": 1.0, "train_seconds": 3.0}
    return {"kind": "result", "result": result, "device": "GPU"}


def test_events_come_back_and_a_torn_line_does_not_hurt(tmp_path: Path) -> None:
    path = attempt_log(tmp_path, "abc", 3)
    log = EventLog(path)
    log.append({"kind": "progress", "step": 1})
    log.append(ended(2.0))
    log.close()
    with path.open("ab") as file:
        file.write(b'{"kind": "prog')
    assert [e["kind"] for e in read_events(path)] == ["progress", "result"]
    found = result_of(read_events(path))
    assert found is not None
    assert found["result"]["loss"] == 2.0


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
    outcome = logged_outcome([*EVENTS, ended(2.0)])
    assert outcome == Outcome(Cause.DONE, ended(2.0)["result"], device="GPU", seconds=2.5)
    later = logged_outcome([ended(2.0), ended(1.0), *EVENTS])
    assert later is not None and later.result == ended(1.0)["result"]


def test_without_a_result_an_attempt_is_orphaned_with_what_it_logged() -> None:
    outcome = orphaned_outcome(EVENTS)
    assert (outcome.cause, outcome.seconds, outcome.flops) == (Cause.ORPHANED, 2.5, 5e8)
    assert outcome.detail == "its driver ended"


GOOD = b'{"kind":"progress","flops":7.0,"elapsed":2}\n'
DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"garbage", "not JSON"),
        (b"\x00\x00\x00", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (DEEP, "not JSON"),
        (b"1" * 5000, "not JSON"),
        (b'{"kind": "prog{"kind":"start"}', "not JSON"),  # two attempts in one file
        (b"42", "not an event"),
        (b"null", "not an event"),
        (b'["kind"]', "not an event"),
        (b'{"x":1}', "not an event"),
        (b'{"kind":3}', "not an event"),
        (b'{"kind":"progress","flops":"many"}', "no number as flops"),
        (b'{"kind":"progress","elapsed":null}', "no number as elapsed"),
        (b'{"kind":"progress","tokens":-1}', "no number as tokens"),
        (b'{"kind":"progress","flops":NaN}', "no number as flops"),
        (b'{"kind":"progress","step":1' + b"0" * 400 + b"}", "no number as step"),
        (b'{"kind":"progress","step":true}', "no number as step"),
        (b'{"kind":"progress","loss":"low"}', "no number as loss"),
        (b'{"kind":"result"}', "no result and device"),
        (b'{"kind":"result","result":{},"device":"cpu"}', "no number as loss"),
        (b'{"kind":"result","result":{"loss":2.0},"device":7}', "no result and device"),
        (b'{"kind":"result","result":{"loss":2,"bits_per_byte":Infinity},"device":"c"}', "no number as bits_per_byte"),
    ],
)
def test_a_bad_line_ends_the_reading_of_its_log_with_one_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: bytes, why: str
) -> None:
    path = tmp_path / "attempt-0001.jsonl"
    path.write_bytes(GOOD + b"\n" + bad + b"\n" + GOOD)
    events = read_events(path)
    assert events == [json.loads(GOOD)] == read_events(path)
    (note,) = caplog.messages
    assert note.startswith(f"{path}, line 3 ") and why in note
    assert (orphaned_outcome(events).flops, orphaned_outcome(events).seconds) == (7.0, 2.0)


@pytest.mark.parametrize("loss", ["null", "NaN", "Infinity", "2", "2.5"])
def test_the_loss_of_a_run_that_diverges_is_an_event_too(loss: str) -> None:
    line = b'{"kind":"progress","loss":' + loss.encode() + b"}\n"
    assert [event["kind"] for event in parse_events(line, "log")] == ["progress"]


VALUES = st.sampled_from([None, True, 0, -1, 3.5, "x", [], {}, {"loss": 1}, float("nan"), 10**400])
NAMES = st.sampled_from(["kind", "result", "device", "loss", "bits_per_byte", "train_seconds", "flops", "elapsed"])
LINES = st.binary(max_size=40) | st.builds(
    lambda fields: json.dumps({"kind": "result", "device": "cpu", **fields}).encode(), st.dictionaries(NAMES, VALUES)
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(LINES, max_size=4))
@example([b"\xed\xa0\x80", b"42"])
def test_whatever_a_log_holds_its_attempt_can_be_settled(lines: list[bytes]) -> None:
    events: list[Any] = parse_events(GOOD + b"\n".join(lines) + b"\n", "log")
    assert events[0] == json.loads(GOOD)
    outcome = logged_outcome(events) or orphaned_outcome(events)
    assert outcome.seconds is not None and outcome.seconds >= 2.0 and outcome.flops >= 0.0
    assert outcome.cause is Cause.ORPHANED or isinstance(outcome.result, dict)


def test_a_new_attempt_of_a_number_that_was_used_writes_a_new_file(tmp_path: Path) -> None:
    """As after a database was restored from a backup that is older than the logs."""
    path = attempt_log(tmp_path, "abc", 1)
    path.parent.mkdir()
    torn = GOOD + b'{"kind": "prog'
    for number in (1, 2):
        path.write_bytes(torn)
        log = EventLog(path)
        log.append({"kind": "attempt"})
        log.close()
        assert read_events(path) == [{"kind": "attempt"}]
        assert path.with_name(f"attempt-0001.replaced-{number}.jsonl").read_bytes() == torn
