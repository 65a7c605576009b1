"""RefusedError: an estimator that cannot answer, raised with its refusal rather than with a text."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.records import LawError
from analysis.refusals import Refusal
from analysis.wording import refusal_message


def refusals_text(refusals: Iterable[Refusal]) -> str:
    """Different refusals as sentences, each after the first with a capital letter: the first follows a colon."""
    first, *others = sorted({refusal_message(refusal) for refusal in refusals})
    return " ".join([first, *(sentence[:1].upper() + sentence[1:] for sentence in others)])


class RefusedError(LawError):
    """A fit that has no solution; `refusal` says why, and the message is its sentence."""

    def __init__(self, refusal: Refusal) -> None:
        """Carry the refusal."""
        super().__init__(refusal_message(refusal).removesuffix("."))
        self.refusal = refusal
        """Why, with its numbers."""
