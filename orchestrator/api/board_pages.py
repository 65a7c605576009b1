"""The pages of leaderboards: all of them, and one with its table, one's own entries, and the forms that enter it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from orchestrator.api.board_schemas import EntryAsked
from orchestrator.api.documents import reply
from orchestrator.api.entering import Entering
from orchestrator.api.forms import sent_form
from orchestrator.api.opened import html_document, or_error_page
from orchestrator.api.permissions import actor_of
from orchestrator.errors import meaning_of
from orchestrator.people import Actor
from orchestrator.use_cases.board_choices import Choices, choices_of, opening_choices
from orchestrator.use_cases.board_table import board_of, boards_of
from orchestrator.use_cases.workspace import Workspace
from orchestrator.web.board_forms import TypedEntry, entry_forms, steering_forms
from orchestrator.web.board_opening import TypedBoard, opening_forms
from orchestrator.web.board_views import BoardPage, BoardsPage, board_page
from orchestrator.web.render import render
from tokenizer.errors import ExpectedError


def install(app: FastAPI, workspace: Workspace, entering: Entering) -> None:
    """Add the pages."""

    @app.get("/boards", response_class=HTMLResponse, include_in_schema=False)
    async def boards_page(request: Request) -> Response:
        """All boards."""
        return reply(request, html_document(await run_in_threadpool(seen_boards, workspace, actor_of(request))))

    @app.get("/boards/{board}", response_class=HTMLResponse, include_in_schema=False)
    async def one_board(request: Request, board: str) -> Response:
        """One board, as who asks sees it."""

        async def shown() -> Response:
            """The page. Raises NotFound."""
            page = await run_in_threadpool(seen_board, workspace, board, actor_of(request))
            return reply(request, html_document(page))

        return await or_error_page(shown())

    @app.post("/boards/{board}", response_class=HTMLResponse, include_in_schema=False)
    async def enter_board(request: Request, board: str) -> Response:
        """Enter a board by one of its forms, and show it; what is refused is shown beside its field."""
        typed, by = TypedEntry((await sent_form(request)).fields), actor_of(request)

        async def entered() -> Response:
            """The way to the page, or the page with what is wrong. Raises NotFound."""
            problem, status = "", 422
            try:
                if typed.part != "forecast" or not typed.problems():
                    await entering.enter(board, _asked(typed), by)
                    return to_board(board, "own-heading")
            except ExpectedError as error:
                problem, status = str(error), meaning_of(error).status
            except ValidationError as error:
                problem = error.errors()[0]["msg"]
            page = await run_in_threadpool(seen_board, workspace, board, by, typed, problem)
            return HTMLResponse(render(page), status_code=status)

        return await or_error_page(entered())


def to_board(board: str, heading: str) -> Response:
    """The way to a heading of a board's page."""
    return RedirectResponse(f"/boards/{quote(board, safe='')}#{heading}", status_code=303)


def seen_boards(
    workspace: Workspace, by: Actor, typed: TypedBoard | None = None, problems: Mapping[str, str] | None = None
) -> BoardsPage:
    """All boards as somebody sees them; for an admin with what they typed to open one, and what is wrong with it."""
    choices = opening_choices(workspace, by)
    return BoardsPage(boards_of(workspace, by), None if choices is None else opening_forms(choices, typed, problems))


def seen_board(
    workspace: Workspace,
    board: str,
    by: Actor,
    typed: TypedEntry | None = None,
    problem: str = "",
    decided_by: str | None = None,
    unsteered: str = "",
) -> BoardPage:
    """A board as somebody sees it, with the forms by which they may enter or steer it. Raises NotFound.

    Args:
        workspace: where it is kept.
        board: its name.
        by: who looks.
        typed: what they entered.
        problem: why that was refused.
        decided_by: the sweep that an admin let decide; None where they wanted to close the board.
        unsteered: why that was refused.
    """
    view, choices = board_of(workspace, board, by), opening_choices(workspace, by)
    may = Choices() if view.closed_at is not None else choices_of(workspace, board, by)
    steering = None if choices is None else steering_forms(choices.sweeps, decided_by, unsteered)
    return board_page(view, entry_forms(may, typed, problem), steering)


def _asked(typed: TypedEntry) -> EntryAsked:
    """What a form asks to enter, as REST takes it."""
    if typed.part == "forecast":
        return EntryAsked.model_validate({"forecast": typed.numbers()})
    value = typed.fields[typed.part]
    return EntryAsked.model_validate({typed.part: value.split() if typed.part == "runs" else value})
