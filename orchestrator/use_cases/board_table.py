"""What somebody sees of a board: its conditions, the table, their own entries; what is hidden stays hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.answers.serial import record_json
from analysis.records import Interval
from orchestrator.boards import Metric, Outcome
from orchestrator.people import Actor, Role
from orchestrator.store import BoardRecord, EntryRecord
from orchestrator.use_cases.accounts import group_members
from orchestrator.use_cases.board_standings import Standing, interval_of, mean_of, ranked_forecasts, ranked_runs
from orchestrator.use_cases.workspace import Workspace


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """One of the entries of who looks."""

    entered_at: float
    """Seconds since the epoch."""
    runs: tuple[str, ...]
    """Ids of its runs; none for a forecast."""
    sweep: str
    """Sweep whose law was entered; empty for runs, and for a forecast that was typed."""
    flops: float | None
    """FLOPs as counted again."""
    score: float | None
    """Mean bits per byte; None for a forecast."""
    params: float | None
    """N that was forecast; None for runs, and for a law while the budget is hidden."""
    tokens: float | None
    """D that was forecast; None as `params` is."""
    loss: float | None
    """Loss that was forecast; None as `params` is."""
    loss_interval: Interval | None
    """Its interval; None as `params` is."""


@dataclass(frozen=True, slots=True)
class BoardView:
    """A board as somebody sees it."""

    name: str
    """What it is called."""
    metric: Metric
    """By what entries are ranked."""
    corpus: str
    """Content hash of the corpus; for forecasts of the dataset."""
    flops: float
    """Most FLOPs of a run, or of all runs behind a forecast."""
    unique_tokens: int | None
    """Most different tokens that a run may see; None for any number."""
    group: str
    """Group whose members may enter; empty for everybody."""
    group_members: int | None
    """Open accounts in that group; None for everybody."""
    entries_each: int
    """Most entries of one member."""
    user: str
    """Who opened it."""
    opened_at: float
    """Seconds since the epoch."""
    closes_at: float
    """Seconds since the epoch."""
    closed_at: float | None
    """Since when it is closed; None while it is open."""
    target: float | None
    """Budget that is forecast; None where it is hidden or there is none."""
    baseline: str
    """Sweep of the baseline; empty without one."""
    entrants: int
    """Members who have entered."""
    outcome: Outcome | None
    """What decided on forecasts; None before it is known."""
    table: tuple[Standing, ...]
    """The best entry of each member, the best first; empty while forecasts are sealed."""
    own: tuple[OwnEntry, ...]
    """The entries of who looks, the first one first."""


def boards_of(workspace: Workspace, viewer: Actor) -> list[BoardView]:
    """All boards as somebody sees them, the latest first, without their tables."""
    boards, members = workspace.store.boards(), group_members(workspace)
    return [_view(board, workspace.store.entries(board.id), viewer, (), members) for board in boards]


def board_of(workspace: Workspace, name: str, viewer: Actor) -> BoardView:
    """A board as somebody sees it. Raises NotFound."""
    board = workspace.store.board(name)
    entries = workspace.store.entries(board.id)
    if board.asked.metric is Metric.BITS:
        table = ranked_runs(entries, board.baseline)
    else:
        table = () if board.closed_at is None else ranked_forecasts(entries, board.outcome)
    return _view(board, entries, viewer, table, group_members(workspace))


def view_json(view: BoardView) -> dict[str, Any]:
    """A board for JSON; intervals as [low, high]."""
    made = record_json(view)
    return made | {
        "table": [record_json(row) for row in view.table],
        "own": [record_json(entry) for entry in view.own],
    }


def _view(
    board: BoardRecord,
    entries: Sequence[EntryRecord],
    viewer: Actor,
    table: tuple[Standing, ...],
    members: Mapping[str, int],
) -> BoardView:
    """A board with a table, for somebody; `members` are those of each group."""
    asked = board.asked
    sees = board.closed_at is not None or asked.target_shown
    return BoardView(
        name=asked.name,
        metric=asked.metric,
        corpus=asked.corpus,
        flops=asked.flops,
        unique_tokens=asked.unique_tokens,
        group=asked.group,
        group_members=members.get(asked.group, 0) if asked.group else None,
        entries_each=asked.entries,
        user=board.user,
        opened_at=board.opened_at,
        closes_at=asked.closes_at,
        closed_at=board.closed_at,
        target=asked.target if sees or viewer.role is Role.ADMIN else None,
        baseline=board.baseline.sweep if board.baseline else "",
        entrants=len({entry.user for entry in entries}),
        outcome=board.outcome,
        table=table,
        own=tuple(_own(entry, sees=sees) for entry in entries if entry.user == viewer.name),
    )


def _own(entry: EntryRecord, *, sees: bool) -> OwnEntry:
    """An entry for who entered it; for a hidden budget laws alone are entered, and what they say would tell it."""
    entered = entry.entered
    forecast = entered.forecast if sees else None
    return OwnEntry(
        entered_at=entry.entered_at,
        runs=entered.runs,
        sweep=entered.sweep,
        flops=entered.flops,
        score=mean_of(entry) if entered.scores else None,
        params=forecast.params if forecast else None,
        tokens=forecast.tokens if forecast else None,
        loss=forecast.loss if forecast else None,
        loss_interval=interval_of(entry) if forecast else None,
    )
