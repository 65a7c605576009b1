"""The part of the Python client that opens, enters and reads leaderboards and classes."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.boards import Forecast, NewBoard
from orchestrator.client.answers import Answers

BOARDS = "/api/v1/boards"


class BoardVerbs(Answers):
    """What a client does with boards and classes."""

    def boards(self) -> list[dict[str, Any]]:
        """All boards, the latest first, without their tables. Raises Unreachable, Refused."""
        return self._rows("GET", BOARDS)

    def board(self, name: str) -> dict[str, Any]:
        """A board as you see it: conditions, table, your entries. Raises NotFound, Unreachable, Refused."""
        return self._object("GET", _of(name))

    def open_board(self, asked: NewBoard, closes: str, baseline: str | None = None) -> dict[str, Any]:
        """Open a board that closes at an ISO 8601 time with its zone; returns it. Raises Unreachable, Refused."""
        values = asdict(asked) | {"closes": closes, "baseline": baseline}
        del values["closes_at"]
        return self._object("POST", BOARDS, json.dumps(values, ensure_ascii=False).encode())

    def enter_board(
        self,
        name: str,
        runs: Sequence[str] | None = None,
        sweep: str | None = None,
        forecast: Forecast | None = None,
    ) -> None:
        """Enter runs, the law of a sweep, or a forecast. Raises NotFound, Unreachable, Refused."""
        given = {"runs": runs or None, "sweep": sweep, "forecast": forecast and asdict(forecast)}
        self._call("POST", f"{_of(name)}/entries", json.dumps(given).encode())

    def close_board(self, name: str) -> None:
        """Close a board before its time. Raises NotFound, Unreachable, Refused."""
        self._call("POST", f"{_of(name)}/close", b"")

    def decide_board(self, name: str, sweep: str) -> None:
        """Score a closed board's forecasts by the runs of a sweep. Raises NotFound, Unreachable, Refused."""
        self._call("POST", f"{_of(name)}/decide", json.dumps({"sweep": sweep}).encode())

    def enrol(self, group: str, names: Sequence[str], **terms: float | None) -> list[dict[str, Any]]:
        """Make the accounts of a class; returns their tokens. Raises Unreachable, Refused."""
        path = f"/api/v1/classes/{urllib.parse.quote(group, safe='')}"
        return self._rows("POST", path, json.dumps({"names": list(names), **terms}).encode())

    def members(self, group: str) -> list[dict[str, Any]]:
        """What each member of a class may take, spent and entered. Raises NotFound, Unreachable, Refused."""
        return self._rows("GET", f"/api/v1/classes/{urllib.parse.quote(group, safe='')}")


def _of(name: str) -> str:
    """The path of a board."""
    return f"{BOARDS}/{urllib.parse.quote(name, safe='')}"
