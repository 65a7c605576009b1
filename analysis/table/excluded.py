"""Rows of a table that enter no fit, and the sentence that names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExcludedRow:
    """One row left out."""

    run: str
    """What the data calls the run, or the number of its row."""
    flops: float | None
    """Training FLOPs, where they are a finite number."""
    params: float | None
    """N, where it is a finite number."""
    loss: float | None
    """Loss, where it is a finite number."""
    reason: str
    """Why, in a few words."""


def describe_excluded(excluded: Sequence[ExcludedRow], most: int = 5) -> str:
    """One sentence that names rows left out, by reason; empty for none."""
    by_reason: dict[str, list[str]] = {}
    for entry in excluded:
        by_reason.setdefault(entry.reason, []).append(entry.run)
    named = []
    for reason, runs in by_reason.items():
        more = f" and {len(runs) - most} more" if len(runs) > most else ""
        named.append(f"{', '.join(runs[:most])}{more} ({reason})")
    count = len(excluded)
    return f"{count} row{'s were' if count > 1 else ' was'} left out: {'; '.join(named)}." if count else ""
