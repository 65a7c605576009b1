"""The REST interface, over the same use cases as the command line and the pages."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager

from fastapi import Depends, FastAPI
from starlette.concurrency import run_in_threadpool

from orchestrator.api import (
    answers,
    board_pages,
    board_steering,
    boards,
    events,
    health,
    login,
    openapi,
    pages,
    people,
    permissions,
    problems,
    runs,
    sweeps,
    users,
)
from orchestrator.api.desk import Desk
from orchestrator.api.entering import Entering
from orchestrator.api.middleware import Surroundings
from orchestrator.api.repeats import Remembering, Repeats
from orchestrator.api.shelf import Shelf
from orchestrator.api.traffic import Latencies, Traffic
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.members import Members
from orchestrator.use_cases.received import NOWHERE
from orchestrator.use_cases.workshop import PLANNERS
from orchestrator.use_cases.workspace import Workspace
from tokenizer.files import Reach


def create_app(
    workspace: Workspace,
    background: Background | None = None,
    *,
    members: Members | None = None,
    corpora: Reach = NOWHERE,
    workshop: Executor | None = None,
    planners: Executor | None = None,
) -> FastAPI:
    """The application.

    Args:
        workspace: the home that it serves.
        background: the scheduler's thread, which starts and ends with the application; without one nothing is trained.
        members: who is let in; by default those who have accounts, on loopback anybody while there are none.
        corpora: where the corpora of submitted sweeps may lie; nowhere by default, so that only the built-in one is
            left.
        workshop: fits laws and draws; by default threads of this process.
        planners: plans what is received, its data and this machine's speed included; by default threads, too.
    """
    background = background or Background(Execution(workspace))
    desk = Desk(workspace, background, workshop)
    planners = planners or ThreadPoolExecutor(PLANNERS, thread_name_prefix="plans")

    app = _without_routes(_lifespan(background, desk, planners))
    members, latencies = members or Members(workspace), Latencies()
    app.add_middleware(Shelf)
    app.add_middleware(Surroundings, members=members)
    app.add_middleware(Traffic, latencies=latencies)
    app.state.repeats = Repeats(members, latencies)
    app.add_middleware(Remembering, repeats=app.state.repeats)
    problems.install(app)
    sweeps.install(app, workspace, background, desk, corpora, planners)
    runs.install(app, workspace, desk)
    answers.install(app, desk)
    events.install(app, desk)
    pages.install(app, desk)
    login.install(app, members)
    people.install(app, workspace)
    users.install(app, workspace)
    entering = Entering(workspace, desk)
    boards.install(app, workspace, entering)
    board_pages.install(app, workspace, entering)
    board_steering.install(app, workspace, entering)
    health.install(app, workspace, background, latencies)
    openapi.install(app)
    return app


def _without_routes(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    """The application by name, whose routes all check the role of who asks and the keys of the query."""
    return FastAPI(
        title="isoflop",
        version="1",
        summary="Which model for this compute budget, and what loss will it reach?",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        dependencies=[Depends(permissions.check_role), Depends(openapi.known_keys)],
        lifespan=lifespan,
    )


def _lifespan(
    background: Background, desk: Desk, planners: Executor
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What starts and ends with the application: the scheduler's thread, and what is computed."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        """Start both, and end them."""
        background.start()
        app.openapi()
        desk.warm()
        yield
        desk.close()
        planners.shutdown(cancel_futures=True)
        await run_in_threadpool(background.stop)

    return lifespan
