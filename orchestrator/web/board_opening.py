"""The forms that open a board: what was typed into each field, what is wrong with it, and the board that it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from analysis.records import QuestionError
from orchestrator.boards import TEXT_BYTES, BoardError, Metric, NewBoard, closing_time
from orchestrator.use_cases.board_choices import OpeningChoices
from orchestrator.web.board_forms import Field
from orchestrator.web.typed import positive_number

FILE = "text"
"""Name of the field with the hidden validation file."""
MOST_WHOLE = 2**62
"""Above every whole number that the database can count."""
_FIELDS = {
    "name": Field("name", "Name", "scaling"),
    "corpus": Field("corpus", "Corpus: a hash, or a sweep whose data it is", "handout", listed="known-sweeps"),
    "flops": Field("flops", "Budget, FLOPs", "8e9"),
    "target": Field("target", "Budget that is forecast, FLOPs", "1.6e10"),
    "closes": Field("closes", "Closes after, or at a time with its zone", "14d, or 2026-12-18T18:00+01:00"),
    "unique_tokens": Field("unique_tokens", "Unique tokens at most", "any number", required=False),
    "baseline": Field("baseline", "Baseline sweep", "none", required=False, listed="known-sweeps"),
    "group": Field("group", "Group that may enter", "everybody", required=False, listed="known-groups"),
    "entries": Field("entries", "Entries of each member", "5", required=False),
}
"""The fields that are typed into."""
_PARTS: Mapping[Metric, Sequence[str]] = {
    Metric.BITS: ("name", "corpus", "flops", "closes", "unique_tokens", "baseline", "group", "entries"),
    Metric.FORECAST: ("name", "corpus", "flops", "target", "closes", "unique_tokens", "group", "entries"),
}
"""Those of each form."""


@dataclass(frozen=True, slots=True)
class TypedBoard:
    """What was typed into one of the forms."""

    fields: Mapping[str, str]
    """Text by the name of the field."""
    file: bytes | None = None
    """The hidden validation file; None if none was chosen."""

    @property
    def metric(self) -> Metric:
        """The form that was sent: by what its board ranks."""
        return Metric.FORECAST if self.fields.get("metric") == Metric.FORECAST else Metric.BITS

    @property
    def baseline(self) -> str | None:
        """The sweep that multipliers are over; None without one."""
        return (self.fields.get("baseline") or None) if self.metric is Metric.BITS else None

    def problems(self, now: datetime) -> Mapping[str, str]:
        """What cannot be read, by the name of the field."""
        found: dict[str, str] = {}
        for name, read in self._readers(now).items():
            try:
                read()
            except (QuestionError, BoardError) as error:
                found[name] = str(error)
        return found

    def board(self, now: datetime) -> NewBoard:
        """The board that was typed. Raises QuestionError, BoardError for what cannot be read."""
        values = {name: read() for name, read in self._readers(now).items()}
        shown = self.metric is Metric.FORECAST and "target_shown" in self.fields
        return NewBoard(metric=self.metric, closes_at=values.pop("closes"), target_shown=shown, **values)

    def _readers(self, now: datetime) -> Mapping[str, Callable[[], Any]]:
        """What reads each field of the form."""
        typed = {name: self.fields.get(name, "") for name in _FIELDS}
        common: Mapping[str, Callable[[], Any]] = {
            "name": lambda: typed["name"],
            "corpus": lambda: typed["corpus"],
            "flops": lambda: positive_number(typed["flops"] or "0", "a number of FLOPs", "8e9"),
            "closes": lambda: closing_time(typed["closes"], now).timestamp(),
            "unique_tokens": lambda: _tokens(typed["unique_tokens"]),
            "group": lambda: typed["group"],
            "entries": lambda: _whole(typed["entries"] or "5", "a number of entries", "5"),
        }
        if self.metric is Metric.BITS:
            return {**common, FILE: lambda: _text(self.file)}
        return {**common, "target": lambda: positive_number(typed["target"] or "0", "a number of FLOPs", "1.6e10")}


@dataclass(frozen=True, slots=True)
class OpeningForms:
    """The forms by which an admin opens a board, and what they typed."""

    parts: Mapping[Metric, Sequence[Field]]
    """The fields of each form."""
    file: str
    """What is wrong with the hidden validation file; empty if nothing is."""
    shown: bool
    """Whether members are to see the budget that is forecast."""
    sent: Metric | None
    """The form that was sent; None if none was."""
    problem: str
    """Why it was refused; empty if it was not, or where a field says it."""
    choices: OpeningChoices
    """Sweeps and groups to choose from."""
    kibibytes: int = TEXT_BYTES // 1024
    """Largest hidden validation file, KiB."""


def opening_forms(
    choices: OpeningChoices, typed: TypedBoard | None = None, problems: Mapping[str, str] | None = None
) -> OpeningForms:
    """The forms, with what was typed into one of them and what is wrong, by field; by the empty name, with the form."""
    sent, fields = (typed.metric, typed.fields) if typed else (None, {})
    wrong = dict(problems or {})
    if typed and typed.file:
        wrong.setdefault(FILE, "choose the file again: browsers do not keep it")
    return OpeningForms(
        parts={
            metric: [
                replace(_FIELDS[name], value=fields.get(name, ""), problem=wrong.get(name, ""))
                if metric is sent
                else _FIELDS[name]
                for name in names
            ]
            for metric, names in _PARTS.items()
        },
        file=wrong.get(FILE, ""),
        shown="target_shown" in fields,
        sent=sent,
        problem=wrong.get("", ""),
        choices=choices,
    )


def _whole(text: str, what: str, example: str) -> int:
    """A whole number above 0. Raises QuestionError."""
    value = positive_number(text, what, example)
    if value != int(value) or value >= MOST_WHOLE:
        raise QuestionError(f"type {what} without a fraction, such as {example}")
    return int(value)


def _tokens(text: str) -> int | None:
    """Most unique tokens; None for any number. Raises QuestionError."""
    return _whole(text, "a number of tokens", "2 M") if text else None


def _text(file: bytes | None) -> str:
    """The text of a file. Raises BoardError."""
    try:
        return (file or b"").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BoardError("the hidden validation file is not UTF-8: give a text in UTF-8") from None
