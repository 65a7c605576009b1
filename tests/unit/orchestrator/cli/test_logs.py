"""The log as JSON: one object a line, with facts and tracebacks; a value that means nothing is refused."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from orchestrator.cli.logs import log_to
from orchestrator.environment import SettingsError


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """The loggers' levels are as before when a test has ended."""
    root, ours = logging.getLogger(), logging.getLogger("isoflop")
    level, our_level = root.level, ours.level
    yield
    root.setLevel(level)
    ours.setLevel(our_level)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def start(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, **environ: str) -> None:
    """Log to a stream as a process that starts, which has no handler yet."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    log_to(stream, environ)


def test_a_line_is_an_object_whatever_is_in_it(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    start(stream, monkeypatch, ISOFLOP_LOG="json")
    log = logging.getLogger("isoflop.test")
    log.info("%s asked", "ada", extra={"facts": {"status": 200, "path": "/é\n"}})
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("it failed")
    logging.getLogger("other").info("not for us")
    first, second = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (first["message"], first["level"], first["logger"]) == ("ada asked", "info", "isoflop.test")
    assert (first["status"], first["path"]) == (200, "/é\n") and first["time"].endswith("+00:00")
    assert second["traceback"].endswith("ValueError: two\nlines")


def test_without_the_setting_only_warnings_are_written_as_they_are(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(stream, monkeypatch)
    logging.getLogger("isoflop.test").info("quiet")
    logging.getLogger("isoflop.test").warning("loud")
    assert stream.getvalue() == "loud\n"


def test_another_value_is_refused(stream: io.StringIO) -> None:
    with pytest.raises(SettingsError, match="ISOFLOP_LOG is 'xml': give text or json"):
        log_to(stream, {"ISOFLOP_LOG": "xml"})
