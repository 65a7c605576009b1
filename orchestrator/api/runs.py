"""The routes that show runs: those of a sweep, one of them, its curve and its log."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import FastAPI, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from orchestrator.api.answers import SWEEP, CsvResponse
from orchestrator.api.desk import Desk
from orchestrator.api.documents import CSV, Document, document, json_document, reply
from orchestrator.api.listing import Row, RunsAsked, chosen, paging
from orchestrator.use_cases.control import run_log_json
from orchestrator.use_cases.export import rows_json
from orchestrator.use_cases.run_facts import curve_json, run_json
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.workspace import Workspace


def install(app: FastAPI, workspace: Workspace, desk: Desk) -> None:
    """Add the routes."""

    @app.get(SWEEP + "/runs", tags=["runs"])
    async def list_runs(request: Request, name: str, asked: Annotated[RunsAsked, Query()]) -> Response:
        """The runs of a sweep: a row for each, in the columns of `isoflop export`."""
        found = await desk.sweep(name)
        answers = await desk.answers(found)
        key = ("runs", found.sweep.id, found.key, name, asked.model_dump_json())
        return await desk.document(request, key, _list, answers, asked, name)

    @app.get(SWEEP + "/runs.csv", tags=["runs"], response_class=CsvResponse)
    async def table_of_runs(request: Request, name: str) -> Response:
        """All runs of a sweep as CSV: what `isoflop export` writes."""
        found = await desk.sweep(name)
        answers = await desk.answers(found)
        return await desk.document(request, ("runs.csv", found.sweep.id, found.key), _table, answers)

    @app.get("/api/v1/runs/{run}", tags=["runs"])
    async def get_run(request: Request, run: str) -> Response:
        """A run by its id, or the beginning of it: configuration, result and attempts."""
        made = await run_in_threadpool(lambda: json_document(run_json(workspace, run)))
        return reply(request, made)

    @app.get("/api/v1/runs/{run}/curve", tags=["runs"])
    async def curve(request: Request, run: str) -> Response:
        """The losses that a run logged against step, tokens, FLOPs and seconds, over all its attempts."""
        made = await run_in_threadpool(lambda: json_document(curve_json(workspace, run)))
        return reply(request, made)

    @app.get("/api/v1/runs/{run}/log", tags=["runs"])
    async def log(request: Request, run: str, attempt: int | None = None) -> Response:
        """A run's attempts with their causes, each followed by the events that it logged."""
        made = await run_in_threadpool(lambda: json_document(list(run_log_json(workspace, run, attempt))))
        return reply(request, made)


def _list(answers: SweepAnswers, asked: RunsAsked, name: str) -> Document:
    """The document of a list of runs."""

    def wanted(row: Row) -> bool:
        """Whether a run is one of those asked for."""
        return asked.state in (None, row["state"]) and asked.role in (None, row["role"])

    part, total = chosen(rows_json(answers.table), asked, asked.sort, wanted)
    return json_document(part, paging(f"/api/v1/sweeps/{quote(name, safe='')}/runs", asked, total))


def _table(answers: SweepAnswers) -> Document:
    """The table of a sweep's runs."""
    return document(answers.table.to_csv(index=False).encode(), CSV)
