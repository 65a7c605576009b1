"""The REST interface, over the same use cases as the command line and the pages."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from analysis.answers.ask import reply_json
from analysis.answers.compare import comparison_json
from analysis.answers.serial import fit_json
from analysis.figures import isoflop_curves, javascript
from orchestrator.api import control as control_routes
from orchestrator.api import guard, pages, problems
from orchestrator.api.asked import Asked
from orchestrator.api.middleware import Surroundings
from orchestrator.scheduling.progress import progress_json
from orchestrator.store import SweepRecord
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.received import NOWHERE, plan_received
from orchestrator.use_cases.submission import submit as submit_plan
from orchestrator.use_cases.workspace import Workspace
from orchestrator.web.figure import figure
from tokenizer.files import Reach

EVENT_SECONDS = 1.0
"""Seconds between two looks of an event stream at its sweep."""
HEARTBEATS = 15
"""Looks without news after which the stream sends a comment, so that the connection stays open."""


def create_app(
    workspace: Workspace,
    background: Background | None = None,
    *,
    token: str | None = None,
    corpora: Reach = NOWHERE,
) -> FastAPI:
    """The application.

    Args:
        workspace: the home that it serves.
        background: the scheduler's thread, which starts and ends with the application; without one nothing is trained.
        token: secret that every request needs; None serves loopback only, without one.
        corpora: where the corpora of submitted sweeps may lie; nowhere by default, so that only the built-in one is
            left.
    """
    background = background or Background(Execution(workspace))

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        """Start the scheduler's thread with the application, and end it with it."""
        background.start()
        # Vega's bundle takes seconds to make: made ahead, so that the first visitor does not wait for it.
        threading.Thread(target=javascript, daemon=True).start()
        yield
        await run_in_threadpool(background.stop)

    app = FastAPI(
        title="isoflop",
        version="1",
        summary="Which model for this compute budget, and what loss will it reach?",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.add_middleware(Surroundings, token=token)
    problems.install(app)
    _add_sweeps(app, workspace, background, corpora)
    _add_health(app, background)
    _add_answers(app, Answering(workspace))
    _add_events(app, Answering(workspace), background)
    pages.install(app, Answering(workspace), background)
    return app


def _add_sweeps(app: FastAPI, workspace: Workspace, background: Background, corpora: Reach) -> None:
    """The routes that submit, list, show and control sweeps."""
    answering = Answering(workspace)

    @app.post("/api/v1/sweeps", status_code=201, tags=["sweeps"], openapi_extra=_YAML_BODY)
    async def submit(
        request: Request,
        response: Response,
        override: Annotated[list[str] | None, Query()] = None,
        rerun: bool = False,
    ) -> dict[str, Any]:
        """Submit a sweep file (YAML body); repeat `override` for each `key=value`. Submitting it twice does nothing.

        `rerun` trains finished runs again.
        """
        if background.error is not None:
            reason = f"the scheduler ended: {problems.reason_of(background.error)}"
            return problems.problem(503, "scheduler", reason)  # type: ignore[return-value]
        user = guard.user_of(request.headers)
        body = await request.body()
        planned = await run_in_threadpool(plan_received, workspace, body, override or [], corpora)
        sweep = await run_in_threadpool(submit_plan, workspace, planned, user, rerun=rerun)
        response.headers["Location"] = f"/api/v1/sweeps/{sweep.name}"
        dropped = [cell.to_dict() for cell in sweep.dropped]
        return _summary_json(sweep) | {"dropped": dropped, "warnings": sweep.warnings}

    @app.get("/api/v1/sweeps", tags=["sweeps"])
    def list_sweeps() -> list[dict[str, Any]]:
        """All sweeps, the latest first."""
        return [_summary_json(sweep) for sweep in answering.sweeps()]

    @app.get("/api/v1/sweeps/{name}", tags=["sweeps"])
    def get_sweep(name: str) -> dict[str, Any]:
        """A sweep: its file, its runs and how far it is."""
        answers = answering.of(name)
        sweep, table = answers.sweep, answers.table.astype(object)
        runs = table.where(table.notna(), None).to_dict("records")
        return _summary_json(sweep) | {
            "source": sweep.source,
            "dropped": [cell.to_dict() for cell in sweep.dropped],
            "runs": runs,
        }

    def _summary_json(sweep: SweepRecord) -> dict[str, Any]:
        """Name, revision and progress of a sweep."""
        progress = progress_json(background.progress(sweep))
        return {"name": sweep.name, "revision": sweep.revision, "submitted_at": sweep.submitted_at, **progress}

    control_routes.install(app, workspace)


def _add_health(app: FastAPI, background: Background) -> None:
    """The route by which a supervisor sees whether the service works."""

    @app.get("/healthz", tags=["service"])
    def health() -> JSONResponse:
        """Whether the service answers, and whether its scheduler is running; anyone may ask, so it names no place."""
        if background.error is not None:
            return JSONResponse({"scheduler": "ended", "error": problems.kind_of(background.error)}, status_code=503)
        return JSONResponse({"scheduler": "ready" if background.ready else "not ready"})


def _add_answers(app: FastAPI, answering: Answering) -> None:
    """The routes that answer from a sweep's runs."""

    @app.get("/api/v1/sweeps/{name}/fit", tags=["answers"])
    def get_fit(name: str, variant: str = "") -> dict[str, Any]:
        """Curves, laws, lack of fit, hold-out, exclusions and noise."""
        return fit_json(answering.of(name).law(variant))

    @app.get("/api/v1/sweeps/{name}/prediction", tags=["answers"])
    def get_prediction(name: str, asked: Annotated[Asked, Query()]) -> dict[str, Any]:
        """The optimal model at a budget, a loss or GPU-hours, with intervals; and the answer under a constraint."""
        question = asked.question()
        question.check()
        return reply_json(answering.of(name).reply(asked.variant, question))

    @app.get("/api/v1/sweeps/{name}/comparison", tags=["answers"])
    def get_values(name: str, axis: str, baseline: str = "") -> dict[str, Any]:
        """The compute multiplier of each value of a varied axis over the baseline, by default the first value."""
        made = answering.of(name).compare_values(axis, baseline)
        return {"comparisons": [comparison_json(one) for one in made]}

    @app.get("/api/v1/comparison", tags=["answers"])
    def get_comparison(
        baseline: str, other: str, baseline_variant: str = "", other_variant: str = ""
    ) -> dict[str, Any]:
        """How much more compute the sweep `baseline` needs than `other` for the same loss, along the loss."""
        made = answering.compare(baseline, other, (baseline_variant, other_variant))
        return {"comparisons": [comparison_json(made)]}

    @app.get("/api/v1/sweeps/{name}/chart", tags=["answers"])
    def get_chart(name: str, variant: str = "") -> dict[str, Any]:
        """The IsoFLOP chart as a Vega-Lite specification."""
        chart = isoflop_curves(answering.of(name).law(variant), f"{name} {variant}".strip())
        return dict(figure(chart, "isoflop").panels[0].spec)


def _add_events(app: FastAPI, answering: Answering, background: Background) -> None:
    """The route that streams a sweep's progress."""

    @app.get("/api/v1/sweeps/{name}/events", tags=["sweeps"], response_class=StreamingResponse)
    async def events(name: str) -> StreamingResponse:
        """Server-Sent Events: `progress` whenever it changes, until the sweep is finished."""
        sweep = await run_in_threadpool(answering.sweep, name)
        stream = _progress_events(background, sweep)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _progress_events(background: Background, sweep: SweepRecord) -> AsyncIterator[str]:
    """The progress as Server-Sent Events, one for each change, until the sweep is finished."""
    last, quiet = "", 0
    while True:
        progress = await run_in_threadpool(background.progress, sweep)
        text = json.dumps(progress_json(progress))
        if text != last:
            last, quiet = text, 0
            yield f"event: progress\ndata: {text}\n\n"
        elif (quiet := quiet + 1) % HEARTBEATS == 0:
            yield ": still here\n\n"
        if progress.finished:
            return
        await asyncio.sleep(EVENT_SECONDS)


_YAML_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/yaml": {"schema": {"type": "string"}}}}
}
