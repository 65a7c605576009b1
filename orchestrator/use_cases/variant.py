"""One combination of the values that a sweep varies, with its runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.table.table import RunTable
from orchestrator.store import RunRecord


def variant_label(values: Mapping[str, Any]) -> str:
    """A combination of varied values as text: axis=value,… in alphabetical order; empty if nothing varies."""
    return ",".join(f"{axis}={values[axis]}" for axis in sorted(values))


@dataclass(frozen=True)
class Variant:
    """One combination of a sweep's varied values."""

    values: Mapping[str, Any]
    """Value by axis; empty if nothing varies."""
    runs: tuple[RunRecord, ...]
    """Its runs."""
    table: RunTable
    """They as a table."""

    @property
    def label(self) -> str:
        """Such as `context=64,lr=0.01`; empty if nothing varies."""
        return variant_label(self.values)

    @property
    def dataset(self) -> str:
        """The dataset of its runs."""
        return str(self.runs[0].config["dataset"])
