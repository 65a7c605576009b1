"""The routes for supervisors and monitors: alive, ready, and the numbers."""

from __future__ import annotations

import time

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.concurrency import run_in_threadpool

from orchestrator.api import problems
from orchestrator.api.metrics import MEDIA_TYPE, exposition
from orchestrator.api.repeats import may_repeat
from orchestrator.api.traffic import Latencies
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.measures import measure, missing
from orchestrator.use_cases.workspace import Workspace

HEALTH_SECONDS = 1.0
"""For which the scheduler's state is said again as it was."""


class Exposition(PlainTextResponse):
    """Numbers in the text format of Prometheus."""

    media_type = "text/plain"


def install(app: FastAPI, workspace: Workspace, background: Background, latencies: Latencies) -> None:
    """Add the routes."""

    @app.get("/healthz", tags=["service"])
    async def health(request: Request) -> JSONResponse:
        """Whether the service answers, and whether its scheduler is running; anyone may ask, so it names no place."""
        may_repeat(request.scope, time.monotonic() + HEALTH_SECONDS)
        if background.error is not None:
            return JSONResponse({"scheduler": "ended", "error": problems.kind_of(background.error)}, status_code=503)
        return JSONResponse({"scheduler": "ready" if background.ready else "not ready"})

    @app.get("/readyz", tags=["service"])
    async def readiness() -> JSONResponse:
        """Whether the service can take and train sweeps, and what is missing; anyone may ask."""
        lacking = await run_in_threadpool(missing, workspace, background)
        if lacking:
            return problems.problem(503, "not-ready", f"missing: {', '.join(lacking)}", missing=lacking)
        return JSONResponse({"ready": True})

    @app.get("/metrics", tags=["service"], response_class=Exposition)
    async def metrics() -> Exposition:
        """Runs, queue, workers, database, mirror and requests, in the text format of Prometheus."""
        measured = await run_in_threadpool(measure, workspace, background)
        return Exposition(exposition(measured, latencies), headers={"Content-Type": MEDIA_TYPE})
