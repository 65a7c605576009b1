"""A configuration as canonical data: its values in their types, its JSON without newer defaults, and its hash."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, SupportsFloat

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

NEWER_FIELDS = (
    *("kv_heads", "window", "window_pattern"),
    *("experts", "active", "balance", "balance_weight"),
    *("warmup_steps", "optimizer", "momentum", "unique_sequences"),
)
"""Fields that `plain_json` leaves out at their default, which keeps the identities of runs older than the field."""

AUXILIARY_WEIGHT = 0.01
"""Weight of the auxiliary balance loss where a model sets none (Fedus et al. 2021, section 2.2)."""

_AT_LEAST_1 = (
    *("vocab", "context", "d_model", "n_layers", "n_heads", "d_ff", "experts", "active"),
    *("sequences", "batch", "unique_sequences"),
)
_NOT_NEGATIVE = (
    *("rope_base", "logit_cap", "kv_heads", "window", "balance_weight"),
    *("warmup_steps", "weight_decay", "clip"),
)
_POSITIVE = ("norm_eps", "lr", "embedding_lr", "eps")
_SHARES = ("warmup", "cooldown", "final_lr")
_DECAYS = ("beta1", "beta2", "momentum")


def checked_value(name: str, kind: str, value: Any) -> Any:
    """The value of a named field in the type that `kind` says, within the field's bounds.

    Raises ValueError as `typed_value` does, and for a number beyond the bounds.
    """
    typed = typed_value(kind, value)
    if typed is None:
        return None
    if name in _AT_LEAST_1 and typed < 1:
        raise ValueError(f"must be at least 1, is {typed}")
    if name in _NOT_NEGATIVE and typed < 0:
        raise ValueError(f"must not be negative, is {typed}")
    if name in _POSITIVE and typed <= 0:
        raise ValueError(f"must be positive, is {typed}")
    if name in _DECAYS and not 0 <= typed < 1:
        raise ValueError(f"must lie in [0, 1), is {typed}")
    if name in _SHARES and not 0 <= typed <= 1:
        raise ValueError(f"is a share between 0 and 1, is {typed}")
    return typed


def typed_value(kind: str, value: Any) -> Any:
    """A value in the type of its field, which is given in words as dataclasses name it.

    Raises ValueError, with words that follow the name of the field, for a value that is not a finite number, not a
    whole one where the field counts something, and neither true nor false where it must be.
    """
    if kind == "bool" and not isinstance(value, bool):
        raise ValueError(f"is {value!r}: true or false")
    if kind in ("str", "bool") or (value is None and "None" in kind):
        return value
    if not _is_finite(value):
        raise ValueError(f"must be a finite number, is {value!r}")
    typed = int(value) if kind.startswith("int") else float(value)
    if typed != value:
        raise ValueError(f"must be a whole number, is {value!r}")
    return typed


def _is_finite(value: object) -> bool:
    """Whether a value is a number that is finite as a float too."""
    if type(value) is float:  # nearly always, and the protocol takes microseconds to look for
        return math.isfinite(value)
    if isinstance(value, (bool, str)) or not isinstance(value, int | SupportsFloat):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def plain_json(record: DataclassInstance) -> dict[str, Any]:
    """A record as plain JSON-ready data, without those of NEWER_FIELDS that have their default."""
    data = dataclasses.asdict(record)
    for field in dataclasses.fields(record):
        if field.name in NEWER_FIELDS and data[field.name] == field.default:
            del data[field.name]
    return data


def content_hash(record: Mapping[str, object]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the canonical JSON."""
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
