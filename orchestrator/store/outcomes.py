"""What an attempt reported, as far as it can be believed and stored. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeGuard

from orchestrator.attempts import Outcome
from orchestrator.states import Cause
from orchestrator.store.encoding import clean_text, to_json

NEEDED = ("loss", "bits_per_byte", "train_seconds")
"""Numbers that every result has."""


def sound(outcome: Outcome) -> Outcome:
    """The outcome with numbers that mean something; one whose result does not says so instead of being done."""
    made = replace(
        outcome,
        detail=clean_text(str(outcome.detail)),
        seconds=_amount(outcome.seconds),
        flops=_amount(outcome.flops) or 0.0,
    )
    if outcome.cause is not Cause.DONE:
        return made
    result = outcome.result if isinstance(outcome.result, Mapping) else {}
    lacking = [name for name in NEEDED if not _is_number(result.get(name))]
    if lacking:
        detail = f"its result has no number as {', '.join(lacking)}"
        return replace(made, cause=Cause.CONFIGURATION, result=None, device=None, detail=detail)
    not_finite = [f"{name} of {result[name]}" for name in NEEDED if not math.isfinite(result[name])]
    if not_finite:
        detail = f"its result has a {' and a '.join(not_finite)}"
        return replace(made, cause=Cause.DIVERGED, result=None, device=None, detail=detail)
    kept = {name: value for name, value in result.items() if not _is_number(value) or math.isfinite(value)}
    return replace(made, result=_plain(kept))


def _plain(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result as every database holds it."""
    made: dict[str, Any] = json.loads(to_json(result))
    return made


def _amount(value: object) -> float | None:
    """A number that is finite and not below 0; None for anything else."""
    return float(value) if _is_number(value) and math.isfinite(value) and value >= 0 else None


def _is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number, NaN and infinity included."""
    return isinstance(value, int | float) and not isinstance(value, bool)
