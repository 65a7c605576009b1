"""The event log: durable lines, a torn last one passed over."""

from pathlib import Path

from orchestrator.cluster.attempt_log import EventLog, attempt_log, read_events, result_of


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
    EventLog(path).append({"kind": "progress"})
    assert result_of(read_events(path)) is None
