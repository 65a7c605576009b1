"""The routes of leaderboards and classes."""

from __future__ import annotations

from dataclasses import replace

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from orchestrator.api.board_schemas import (
    BoardAsked,
    BoardShown,
    DecisionAsked,
    EntryAsked,
    HandedOut,
    RosterAsked,
    Student,
)
from orchestrator.api.documents import json_document, reply
from orchestrator.api.entering import Entering
from orchestrator.api.permissions import actor_of
from orchestrator.use_cases.board_table import board_of, boards_of, view_json
from orchestrator.use_cases.boards import close_board, decide_board
from orchestrator.use_cases.classes import class_json, enrol
from orchestrator.use_cases.workspace import Workspace

BOARDS = "/api/v1/boards"
CLASSES = "/api/v1/classes"


def install(app: FastAPI, workspace: Workspace, entering: Entering) -> None:
    """Add the routes."""
    _add_boards(app, workspace, entering)
    _add_classes(app, workspace)

    @app.post(BOARDS + "/{board}/close", tags=["boards"], response_model=BoardShown)
    async def end_board(request: Request, board: str) -> Response:
        """Close a board before its time, for good."""
        await run_in_threadpool(close_board, workspace, board, actor_of(request))
        return await _shown(workspace, request, board)

    @app.post(BOARDS + "/{board}/decide", tags=["boards"], response_model=BoardShown)
    async def decide(request: Request, board: str, asked: DecisionAsked) -> Response:
        """Let the runs of a sweep at the board's budget decide on its forecasts, once."""
        await run_in_threadpool(decide_board, workspace, board, asked.sweep, actor_of(request))
        return await _shown(workspace, request, board)


def _add_boards(app: FastAPI, workspace: Workspace, entering: Entering) -> None:
    """Add the routes that open, show and enter boards."""

    @app.get(BOARDS, tags=["boards"], response_model=list[BoardShown])
    async def list_boards(request: Request) -> Response:
        """All boards, the latest first, without their tables."""
        found = await run_in_threadpool(boards_of, workspace, actor_of(request))
        return reply(request, json_document([view_json(each) for each in found]))

    @app.post(BOARDS, tags=["boards"], status_code=201, response_model=BoardShown)
    async def make_board(request: Request, asked: BoardAsked) -> Response:
        """Open a board. Its hidden file is kept in the database alone, and no route shows it."""
        await entering.open(asked.asked(), asked.baseline, actor_of(request))
        return await _shown(workspace, request, asked.name, 201)

    @app.get(BOARDS + "/{board}", tags=["boards"], response_model=BoardShown)
    async def get_board(request: Request, board: str) -> Response:
        """A board: its conditions, its table, and your entries."""
        return await _shown(workspace, request, board)

    @app.post(BOARDS + "/{board}/entries", tags=["boards"], status_code=201, response_model=BoardShown)
    async def enter(request: Request, board: str, asked: EntryAsked) -> Response:
        """Enter finished runs of yours, which are checked and scored here, the law of a sweep, or a forecast."""
        await entering.enter(board, asked, actor_of(request))
        return await _shown(workspace, request, board, 201)


def _add_classes(app: FastAPI, workspace: Workspace) -> None:
    """Add the routes of classes."""

    @app.get(CLASSES + "/{group}", tags=["people"], response_model=list[Student])
    async def get_class(request: Request, group: str) -> Response:
        """The members of a class: what each may take, planned, reserves, spent and got back, and their entries."""
        return reply(request, json_document(await run_in_threadpool(class_json, workspace, group)))

    @app.post(CLASSES + "/{group}", tags=["people"], status_code=201)
    def enrol_class(request: Request, group: str, asked: RosterAsked) -> list[HandedOut]:
        """Make an account for each name, all or none, with equal quotas; their tokens are not shown again."""
        made = enrol(workspace, group, asked.names, asked.quota(), asked.days, actor_of(request))
        return [HandedOut(user=user, token=token) for user, token in made.items()]


async def _shown(workspace: Workspace, request: Request, board: str, status: int = 200) -> Response:
    """A board as who asks sees it. Raises NotFound."""
    view = await run_in_threadpool(board_of, workspace, board, actor_of(request))
    return reply(request, replace(json_document(view_json(view)), status=status))
