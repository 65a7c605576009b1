"""The revisions of a sweep, and what each changed in the sweep file."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.store import SweepRecord

CONTEXT = 1
"""Lines around each difference."""


@dataclass(frozen=True, slots=True)
class Change:
    """A line of a difference."""

    kind: str
    """added | removed | same | place."""
    text: str
    """The line, with its sign."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision."""

    name: str
    """What addresses call it."""
    revision: str
    """Its content hash, shortened."""
    user: str
    """Who submitted it; empty if that is not known."""
    submitted_at: float
    """When, seconds since the epoch."""
    shown: bool
    """Whether the page is about it."""
    changes: tuple[Change, ...]
    """What it changed against the one before; empty for the first."""


def revisions(records: Sequence[SweepRecord], shown: SweepRecord, names: Sequence[str]) -> tuple[Revision, ...]:
    """The revisions of a sweep, the latest first, as `records` has them; `names` are those of their addresses."""
    made = []
    for index, record in enumerate(records):
        before = records[index + 1] if index + 1 < len(records) else None
        changes = differences(before.source, record.source) if before else ()
        same = record.id == shown.id
        made.append(Revision(names[index], record.revision[:8], record.user, record.submitted_at, same, changes))
    return tuple(made)


def differences(before: str, after: str) -> tuple[Change, ...]:
    """What changed between two sweep files, line by line."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=CONTEXT, lineterm="")
    kinds = {"+": "added", "-": "removed", "@": "place"}
    return tuple(
        Change(kinds.get(line[:1], "same"), line) for line in lines if not line.startswith(("---", "+++", "@@"))
    )
