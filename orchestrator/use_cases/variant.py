"""One combination of the values that a sweep varies, with its runs and those that check its recipe."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.answers.recipe_check import Trial
from analysis.table.table import RunTable
from orchestrator.states import RunState
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


def checks_of(variant: Variant, runs: Iterable[RunRecord]) -> Iterator[Trial]:
    """Those of a sweep's runs that check the variant's recipe, with their losses."""
    for run in runs:
        cell = run.cell
        for point in cell.checks if cell else ():
            if cell and point.vary.to_dict() == variant.values:
                loss = math.inf if run.state is RunState.DIVERGED else run.loss
                yield Trial(cell.budget, cell.params, point.place, point.batch_factor, point.lr_factor, loss)
