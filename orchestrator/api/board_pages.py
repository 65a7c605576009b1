"""The pages of leaderboards: all of them, and one with its table, one's own entries, and the forms that enter it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from orchestrator.api.board_schemas import EntryAsked
from orchestrator.api.documents import reply
from orchestrator.api.entering import Entering
from orchestrator.api.opened import html_document, or_error_page
from orchestrator.api.permissions import actor_of
from orchestrator.errors import meaning_of
from orchestrator.people import Actor
from orchestrator.use_cases.board_choices import Choices, choices_of
from orchestrator.use_cases.board_table import BoardView, board_of, boards_of
from orchestrator.use_cases.workspace import Workspace
from orchestrator.web.board_forms import LONGEST, EntryForms, TypedEntry, entry_forms
from orchestrator.web.board_views import BoardsPage, board_page
from orchestrator.web.render import render
from tokenizer.errors import ExpectedError


def install(app: FastAPI, workspace: Workspace, entering: Entering) -> None:
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
            view, choices = await run_in_threadpool(_seen, workspace, board, actor_of(request))
            return reply(request, html_document(board_page(view, entry_forms(choices))))

        return await or_error_page(shown())

    @app.post("/boards/{board}", response_class=HTMLResponse, include_in_schema=False)
    async def enter_board(request: Request, board: str) -> Response:
        """Enter a board by one of its forms, and show it; what is refused is shown beside its field."""
        typed, by = TypedEntry(await form_fields(request)), actor_of(request)

        async def entered() -> Response:
            """The way to the page, or the page with what is wrong. Raises NotFound."""
            problem, status = "", 422
            try:
                if typed.part != "forecast" or not typed.problems():
                    await entering.enter(board, _asked(typed), by)
                    return RedirectResponse(f"/boards/{quote(board, safe='')}#own-heading", status_code=303)
            except ExpectedError as error:
                problem, status = str(error), meaning_of(error).status
            except ValidationError as error:
                problem = error.errors()[0]["msg"]
            view, choices = await run_in_threadpool(_seen, workspace, board, by)
            forms: EntryForms = entry_forms(choices, typed, problem)
            return HTMLResponse(render(board_page(view, forms)), status_code=status)

        return await or_error_page(entered())


async def form_fields(request: Request) -> Mapping[str, str]:
    """The fields of a form that was sent, each at most so long; the last one of a name counts."""
    sent = parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True)
    return {name: value.strip()[:LONGEST] for name, value in sent}


def _seen(workspace: Workspace, board: str, by: Actor) -> tuple[BoardView, Choices]:
    """A board as somebody sees it, and what they could enter. Raises NotFound."""
    view = board_of(workspace, board, by)
    return view, Choices() if view.closed_at is not None else choices_of(workspace, board, by)


def _asked(typed: TypedEntry) -> EntryAsked:
    """What a form asks to enter, as REST takes it."""
    if typed.part == "forecast":
        return EntryAsked.model_validate({"forecast": typed.numbers()})
    value = typed.fields[typed.part]
    return EntryAsked.model_validate({typed.part: value.split() if typed.part == "runs" else value})
