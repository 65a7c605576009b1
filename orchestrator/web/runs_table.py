"""The table of runs that one can sort and filter: which runs are wanted, in which order, and the part that is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from urllib.parse import urlencode

import pandas as pd

from orchestrator.states import RunState
from orchestrator.web.tables import Run, RunRow, by_size, known, rows_of

LONGEST = 64
"""Characters of a filter that are read."""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are wanted, and in which order."""

    state: str = ""
    """Their state; empty for all."""
    text: str = ""
    """Text that their id, shape or varied values have in them; empty for all."""
    sort: str = ""
    """Column by which they are sorted, `-` for descending; empty for budget and size."""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> RunFilter:
        """What a query says; keys that are no field are left out."""
        return cls(**{f.name: query.get(f.name, "").strip()[:LONGEST] for f in fields(cls)})

    @property
    def query(self) -> str:
        """It as part of an address; empty for all runs in their usual order."""
        return urlencode({f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name)})


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of a column."""

    title: str
    """What it says."""
    number: bool
    """Whether the column has numbers."""
    href: str
    """Address of the table sorted by it, the other way round if it is sorted by it already."""
    sorted: str
    """ascending | descending, as screen readers say it; empty if it is not sorted by this column."""


@dataclass(frozen=True, slots=True)
class RunsTable:
    """Some runs of a sweep."""

    rows: Sequence[RunRow]
    """Those that are shown."""
    path: str = ""
    """Address of the table."""
    wanted: RunFilter = field(default_factory=RunFilter)
    """Which are wanted."""
    found: int = 0
    """How many are wanted."""
    total: int = 0
    """All runs of the sweep."""

    @property
    def headings(self) -> list[Heading]:
        """The headings of its columns."""
        return [self._heading(cell.title, cell.key, cell.number) for cell in self.rows[0].cells] if self.rows else []

    def _heading(self, title: str, key: str, number: bool) -> Heading:
        """The heading of a column."""
        up, down = self.wanted.sort == key, self.wanted.sort == f"-{key}"
        sort = f"-{key}" if up else key
        said = "ascending" if up else "descending" if down else ""
        return Heading(title, number, f"{self.path}?{replace(self.wanted, sort=sort).query}", said)

    @property
    def states(self) -> list[str]:
        """States that one can ask for."""
        return list(RunState)


def runs_table(runs: pd.DataFrame, path: str, wanted: RunFilter, part: slice) -> RunsTable:
    """The part of those runs that are wanted, in their order; what is unknown in the column is last."""
    every: list[Run] = by_size(runs.to_dict("records"))
    kept = [run for run in every if _is_wanted(run, wanted)]
    column, down = wanted.sort.removeprefix("-"), wanted.sort.startswith("-")
    if column and column in runs.columns:
        present = [run for run in kept if known(run[column])]
        numbers = all(isinstance(run[column], int | float) for run in present)
        present.sort(key=lambda run: run[column] if numbers else str(run[column]), reverse=down)
        kept = present + [run for run in kept if not known(run[column])]
    return RunsTable(rows_of(kept[part], every), path, wanted, len(kept), len(every))


def _is_wanted(run: Run, wanted: RunFilter) -> bool:
    """Whether a run is one of those asked for."""
    if wanted.state and str(run.get("state", "")).lower() != wanted.state:
        return False
    places = (value for key, value in run.items() if key in ("run", "shape", "role") or str(key).startswith("vary."))
    return not wanted.text or any(wanted.text.lower() in str(place).lower() for place in places)
