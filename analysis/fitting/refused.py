"""RefusedError: an estimator that cannot answer, raised with its refusal rather than with a text."""

from __future__ import annotations

from analysis.records import LawError
from analysis.refusals import Refusal
from analysis.wording import refusal_message


class RefusedError(LawError):
    """A fit that has no solution; `refusal` says why, and the message is its sentence."""

    def __init__(self, refusal: Refusal) -> None:
        """Carry the refusal."""
        super().__init__(refusal_message(refusal).removesuffix("."))
        self.refusal = refusal
        """Why, with its numbers."""
