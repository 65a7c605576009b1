"""The forms by which an admin opens, closes and decides a board, without a script."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from orchestrator.api.board_pages import seen_board, seen_boards, to_board
from orchestrator.api.entering import Entering
from orchestrator.api.forms import sent_form
from orchestrator.api.opened import or_error_page
from orchestrator.api.permissions import actor_of
from orchestrator.errors import meaning_of
from orchestrator.use_cases.boards import close_board, decide_board
from orchestrator.use_cases.workspace import Workspace
from orchestrator.web.board_opening import FILE, TypedBoard
from orchestrator.web.render import render
from tokenizer.errors import ExpectedError


def install(app: FastAPI, workspace: Workspace, entering: Entering) -> None:
    """Add the routes."""

    @app.post("/boards", response_class=HTMLResponse, include_in_schema=False)
    async def open_board(request: Request) -> Response:
        """Open a board, and show it; what is refused is shown beside its field."""
        sent, by = await sent_form(request), actor_of(request)
        typed, now, status = TypedBoard(sent.fields, sent.files.get(FILE)), datetime.now(UTC), 422
        problems = typed.problems(now)
        if not problems:
            try:
                board = typed.board(now)
                await entering.open(board, typed.baseline, by)
                return to_board(board.name, "conditions-heading")
            except ExpectedError as error:
                problems, status = {error.field: str(error)}, meaning_of(error).status
        page = await run_in_threadpool(seen_boards, workspace, by, typed, problems)
        return HTMLResponse(render(page), status_code=status)

    async def steered(request: Request, board: str, sweep: str | None) -> Response:
        """The way to a board that a sweep decided, or that was closed where there is none, or why not."""
        by = actor_of(request)
        try:
            if sweep is None:
                await run_in_threadpool(close_board, workspace, board, by)
            else:
                await run_in_threadpool(decide_board, workspace, board, sweep, by)
            return to_board(board, "table-heading")
        except ExpectedError as error:
            page = await run_in_threadpool(seen_board, workspace, board, by, decided_by=sweep, unsteered=str(error))
            return HTMLResponse(render(page), status_code=meaning_of(error).status)

    @app.post("/boards/{board}/close", response_class=HTMLResponse, include_in_schema=False)
    async def end_board(request: Request, board: str) -> Response:
        """Close a board before its time, for good, and show it."""
        return await or_error_page(steered(request, board, None))

    @app.post("/boards/{board}/decide", response_class=HTMLResponse, include_in_schema=False)
    async def decide(request: Request, board: str) -> Response:
        """Let a sweep decide on a board's forecasts, and show it."""
        return await or_error_page(steered(request, board, (await sent_form(request)).fields.get("sweep", "")))
