"""How a process logs: lines for a person, or one JSON object a line where ISOFLOP_LOG says so."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from orchestrator.environment import SettingsError, shown, variable

FORMS = ("text", "json")
"""Values of ISOFLOP_LOG."""


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON: time, level, logger, message, its facts, its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True, default=str)


def log_to(stream: TextIO = sys.stderr, environ: Mapping[str, str] | None = None) -> None:
    """Send the log of this process to a stream. Raises SettingsError.

    As JSON it has a line for each request, too.
    """
    form = variable("ISOFLOP_LOG", environ) or "text"
    if form not in FORMS:
        raise SettingsError(f"ISOFLOP_LOG is {shown(form)}: give {' or '.join(FORMS)}")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    if form == "json":
        logging.getLogger("isoflop").setLevel(logging.INFO)
