"""What the templates of leaderboards receive, and their rows as a person reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from analysis.answers.verdict import MOST_SEEDS
from analysis.records import Interval
from analysis.wording import (
    format_count,
    format_flops,
    format_interval,
    format_loss,
    format_multiplier,
    plural,
)
from orchestrator.boards import Metric
from orchestrator.use_cases.board_standings import Standing
from orchestrator.use_cases.board_table import BoardView, OwnEntry
from orchestrator.web.board_forms import EntryForms, Steering
from orchestrator.web.board_opening import OpeningForms
from orchestrator.web.views import View

UNKNOWN = "–"
"""In place of what is not known."""


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A row of the table in words."""

    place: str
    """Its place."""
    user: str
    """Who entered it."""
    forecast: str
    """N, D and loss that were forecast; empty for runs."""
    score: str
    """The score with its interval."""
    multiplier: str
    """The compute multiplier over the baseline with its interval."""
    verdict: str
    """Whether it beats the entry below."""
    flops: str
    """FLOPs of one run, or of all runs behind the forecast."""
    seeds: str
    """Seeds of the entry."""


@dataclass(frozen=True)
class BoardsPage(View):
    """All boards."""

    template: ClassVar[str] = "boards.html"
    boards: Sequence[BoardView]
    """The boards, the latest first."""
    opening: OpeningForms | None
    """The forms that open one; None for whoever may not."""


@dataclass(frozen=True)
class BoardPage(View):
    """One board."""

    template: ClassVar[str] = "board.html"
    board: BoardView
    """As who looks sees it."""
    rows: Sequence[BoardRow]
    """Its table."""
    own: Sequence[str]
    """The entries of who looks, a sentence each."""
    entering: EntryForms
    """What they may enter."""
    command: str
    """What enters the board from a terminal."""
    steering: Steering | None
    """The forms that close or decide the board; None for whoever may not."""


def board_page(board: BoardView, entering: EntryForms, steering: Steering | None = None) -> BoardPage:
    """The page of a board, with the forms by which who looks may enter or steer it."""
    rows = tuple(board_row(row, last=row is board.table[-1]) for row in board.table)
    what = "RUN" if board.metric is Metric.BITS else "--sweep SWEEP"
    if board.metric is Metric.FORECAST and board.target is not None:
        what = "--params N --tokens D --loss L --low A --high B"
    command = f"isoflop board enter {board.name} {what}"
    return BoardPage(board, rows, tuple(map(own_sentence, board.own)), entering, command, steering)


def board_row(row: Standing, *, last: bool) -> BoardRow:
    """A row of the table in words; nothing is below the `last` one."""
    forecast = ""
    if row.params is not None and row.tokens is not None and row.loss is not None:
        forecast = _forecast(row.params, row.tokens, row.loss, row.loss_interval)
    return BoardRow(
        place=UNKNOWN if row.place is None else str(row.place),
        user=row.user,
        forecast=forecast,
        score=_with_interval(row.score, row.score_interval, format_loss),
        multiplier=_with_interval(row.multiplier, row.multiplier_interval, format_multiplier),
        verdict=UNKNOWN if row.place is None or last else verdict_words(row),
        flops=UNKNOWN if row.flops is None else format_flops(row.flops),
        seeds=str(row.seeds) if row.seeds else UNKNOWN,
    )


def verdict_words(row: Standing) -> str:
    """How surely an entry beats the one below it, and what would settle it."""
    if row.p_better is None:
        return "unknown: no recipe was entered with two seeds"
    sure = f"p {row.p_better:.1%}" if row.p_better < 0.9995 else "p above 99.9%"
    if row.settled:
        return f"better than the one below: {sure}"
    if row.further_seeds is None:
        return f"open: {sure}; {MOST_SEEDS:,} further seeds would not settle it"
    return f"open: {sure}; {plural(row.further_seeds, 'further seed')} would settle it"


def own_sentence(entry: OwnEntry) -> str:
    """An entry of who looks."""
    if entry.runs:
        score = UNKNOWN if entry.score is None else f"{format_loss(entry.score)} bits per byte"
        return f"{plural(len(entry.runs), 'run')} ({', '.join(entry.runs)}): {score}"
    law = f"the law of {entry.sweep}" if entry.sweep else "your forecast"
    if entry.params is None or entry.tokens is None or entry.loss is None:
        return f"{law}; what it says of the hidden budget is sealed until the board closes"
    return f"{law}: {_forecast(entry.params, entry.tokens, entry.loss, entry.loss_interval)}"


def _forecast(params: float, tokens: float, loss: float, interval: Interval | None) -> str:
    """A forecast in words."""
    return f"N {format_count(params)}, D {format_count(tokens)}, loss {_with_interval(loss, interval, format_loss)}"


def _with_interval(value: float | None, interval: Interval | None, write: Callable[[float], str]) -> str:
    """A value with its interval."""
    if value is None:
        return UNKNOWN
    return f"{write(value)} ({format_interval(interval, write)})" if interval else write(value)
