"""Lists over REST: which rows are wanted, in which order, and where the next ones are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.states import RunState, SweepState
from orchestrator.store import SweepTotals

Row = Mapping[str, Any]
"""A row of a list, which is JSON."""
SweepOrder = Literal[
    "submitted_at", "-submitted_at", "name", "-name", "state", "-state", "total", "-total", "done", "-done",
    "flops_planned", "-flops_planned", "flops_spent", "-flops_spent",
]  # fmt: skip
SWEEP_ORDERS: tuple[str, ...] = get_args(SweepOrder)
RunOrder = Literal[
    "plan", "budget", "-budget", "params", "-params", "tokens", "-tokens", "loss", "-loss", "state", "-state",
    "seconds", "-seconds",
]  # fmt: skip
FORECAST_ORDER = Literal["made_at", "-made_at", "flops", "-flops", "error", "-error"]


class Part(BaseModel):
    """Which rows of a list are wanted; `Link` in the answer's header leads to the next ones."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(1000, ge=1, le=10_000, description="Most rows of the answer.")
    offset: int = Field(0, ge=0, le=10**9, description="Rows that are left out before the first one.")


class SweepsAsked(Part):
    """Which sweeps are wanted."""

    state: SweepState | None = Field(None, description="Only sweeps in this state.")
    name: str = Field("", max_length=64, description="Only sweeps whose name has this text in it.")
    user: str | None = Field(None, max_length=64, description="Only sweeps that this user submitted.")
    sort: SweepOrder = Field("-submitted_at", description="By what they are sorted; `-` for descending.")


def wanted_sweeps(sweeps: Sequence[SweepTotals], *, name: str, state: str, user: str, sort: str) -> list[SweepTotals]:
    """The sweeps of a list that are wanted, sorted; empty words leave nothing out. `sort` is a SweepOrder."""
    found = [
        each
        for each in sweeps
        if name in each.sweep.name and state in ("", each.state) and user in ("", each.sweep.user)
    ]
    if sort != "-submitted_at":  # as they are
        found.sort(key=_SORTED[sort.removeprefix("-")], reverse=sort.startswith("-"))
    return found


_SORTED: dict[str, Callable[[SweepTotals], Any]] = {
    "submitted_at": lambda each: each.sweep.submitted_at,
    "name": lambda each: each.sweep.name,
    **{name: attrgetter(name) for name in ("state", "total", "done", "flops_planned", "flops_spent")},
}
"""What sweeps are sorted by."""


class RunsAsked(Part):
    """Which runs are wanted."""

    state: RunState | None = Field(None, description="Only runs in this state.")
    role: Literal["grid", "check", "validation"] | None = Field(None, description="Only runs of this role.")
    sort: RunOrder = Field(
        "plan", description="By what they are sorted, `-` for descending; `plan` is the plan's order."
    )


class ForecastsAsked(Part):
    """Which forecasts are wanted."""

    scored: bool | None = Field(None, description="Only those whose run has ended, or only the others.")
    sort: FORECAST_ORDER = Field("made_at", description="By what they are sorted; `-` for descending.")


def chosen(
    rows: Sequence[Row], part: Part, order: str, wanted: Callable[[Row], bool] = lambda _: True
) -> tuple[list[Row], int]:
    """The part of those rows that are wanted, sorted by a column, and how many are wanted; what is unknown is last."""
    kept = [row for row in rows if wanted(row)]
    column = order.removeprefix("-")
    if column != "plan":
        known = [row for row in kept if row[column] is not None]
        unknown = [row for row in kept if row[column] is None]
        kept = sorted(known, key=lambda row: row[column], reverse=order.startswith("-")) + unknown
    return kept[part.offset : part.offset + part.limit], len(kept)


def paging(path: str, part: Part, total: int) -> dict[str, str]:
    """The headers that say how many rows there are, and where the next ones are."""
    headers = {"X-Total-Count": str(total)}
    if part.offset + part.limit < total:
        query = part.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        query |= {"offset": part.offset + part.limit}
        headers["Link"] = f'<{path}?{urlencode(query)}>; rel="next"'
    return headers
