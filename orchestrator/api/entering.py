"""Entering and opening boards for REST and the pages: the same checks, and a few at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from anyio import CapacityLimiter, to_thread

from orchestrator.api.board_schemas import EntryAsked
from orchestrator.api.desk import Desk
from orchestrator.boards import BoardError, NewBoard
from orchestrator.people import Actor
from orchestrator.use_cases.board_entries import enter_forecast, enter_law, enter_runs
from orchestrator.use_cases.boards import open_board
from orchestrator.use_cases.workspace import Workspace

SCORERS = 2
"""Entries that are checked and scored at a time; further ones wait."""


class Entering:
    """Enters and opens the boards of a service."""

    def __init__(self, workspace: Workspace, desk: Desk) -> None:
        """Keep boards in a workspace; a desk's workshop scores."""
        self._workspace = workspace
        self._desk = desk
        self._limiter = CapacityLimiter(SCORERS)

    async def open(self, asked: NewBoard, baseline: str | None, by: Actor) -> None:
        """Open a board; the multiplier is over the runs of the sweep `baseline`.

        Raises NotFound, AccountError, BoardError.
        """
        work = partial(open_board, self._workspace, asked, baseline, by, self._desk.compute)
        await to_thread.run_sync(work, limiter=self._limiter)

    async def enter(self, board: str, asked: EntryAsked, by: Actor) -> None:
        """Enter a board. Raises NotFound, Forbidden, BoardError."""
        await to_thread.run_sync(self._work(board, asked, by), limiter=self._limiter)

    def _work(self, board: str, asked: EntryAsked, by: Actor) -> Callable[[], None]:
        """What enters a board. Raises BoardError unless exactly one thing is entered."""
        forecast = asked.as_forecast()
        if sum(each is not None for each in (asked.runs, asked.sweep, forecast)) != 1:
            raise BoardError("enter runs, a sweep or a forecast: one of the three")
        if asked.runs is not None:
            return partial(enter_runs, self._workspace, board, asked.runs, by, self._desk.compute)
        if asked.sweep is not None:
            return partial(enter_law, self._workspace, board, asked.sweep, by, self._desk.compute)
        assert forecast is not None
        return partial(enter_forecast, self._workspace, board, forecast, by)
