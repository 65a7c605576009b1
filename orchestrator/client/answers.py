"""What an answer must be: an object or a list of objects; whoever gives another is no service of this version."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tokenizer.errors import ExpectedError

PART = 1000
"""Rows of a list that are fetched at a time."""


class Unreachable(ExpectedError, RuntimeError):
    """The service does not answer."""

    kind = "unreachable"


class Answers(ABC):
    """Asks a service at `url`, and holds its answers to their form."""

    url: str

    @abstractmethod
    def _call(self, method: str, path: str, body: bytes | None = None) -> Any:
        """The JSON of an answer. Raises NotFound, Unreachable, Refused."""

    def stranger(self) -> Unreachable:
        """The error of an answer that is not one of this version's."""
        return Unreachable(f"what answers at {self.url} is not a service of this version of isoflop: check ISOFLOP_URL")

    @contextmanager
    def understood(self) -> Iterator[None]:
        """Read an answer in the block; raises Unreachable where it lacks what is read, or has it in another form."""
        try:
            yield
        except ExpectedError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise self.stranger() from error

    def _object(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        """The answer that is an object. Raises NotFound, Unreachable, Refused."""
        answer = self._call(method, path, body)
        if not isinstance(answer, dict):
            raise self.stranger()
        return answer

    def _rows(self, method: str, path: str, body: bytes | None = None) -> list[dict[str, Any]]:
        """The answer that is a list of objects. Raises NotFound, Unreachable, Refused."""
        answer = self._call(method, path, body)
        if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
            raise self.stranger()
        return answer

    def _all(self, path: str) -> list[dict[str, Any]]:
        """All rows of a list, fetched part by part. Raises NotFound, Unreachable, Refused."""
        rows: list[dict[str, Any]] = []
        while part := self._rows("GET", f"{path}?limit={PART}&offset={len(rows)}"):
            rows += part
            if len(part) < PART:
                break
        return rows
