"""The pages of leaderboards: all of them, and one with its table, one's own entries and its closing time."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from orchestrator.api.documents import reply
from orchestrator.api.opened import html_document, or_error_page
from orchestrator.api.permissions import actor_of
from orchestrator.use_cases.board_table import board_of, boards_of
from orchestrator.use_cases.workspace import Workspace
from orchestrator.web.board_views import BoardsPage, board_page


def install(app: FastAPI, workspace: Workspace) -> None:
    """Add the pages."""

    @app.get("/boards", response_class=HTMLResponse, include_in_schema=False)
    async def boards_page(request: Request) -> Response:
        """All boards."""
        found = await run_in_threadpool(boards_of, workspace, actor_of(request))
        return reply(request, html_document(BoardsPage(found)))

    @app.get("/boards/{board}", response_class=HTMLResponse, include_in_schema=False)
    async def one_board(request: Request, board: str) -> Response:
        """One board, as who asks sees it."""

        async def shown() -> Response:
            """The page. Raises NotFound."""
            view = await run_in_threadpool(board_of, workspace, board, actor_of(request))
            return reply(request, html_document(board_page(view)))

        return await or_error_page(shown())
