"""The pages of runs: the table of a sweep's runs, one run, and the curves of several on top of each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, get_args
from urllib.parse import quote

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from analysis.figures import Against, RunCurve, training_curves
from orchestrator.api.desk import Desk
from orchestrator.api.documents import Document, reply
from orchestrator.api.opened import html_document, or_error_page
from orchestrator.use_cases.control import run_log_json
from orchestrator.use_cases.run_facts import curve_json, run_json
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.workspace import Workspace
from orchestrator.web.figure import Figure, figure
from orchestrator.web.run_facts import attempts, configuration, facts, log_lines
from orchestrator.web.run_views import CurvesPage, RunsPage
from orchestrator.web.runs_table import RunFilter, runs_table
from orchestrator.web.views import Slice

RUNS_LISTED = 500
"""Runs on a page of the table."""
CURVES_SHOWN = 8
"""Runs whose curves are drawn on top of each other."""
DIGITS = 8
"""Digits of an id that a chart shows."""


def install(app: FastAPI, desk: Desk) -> None:
    """Add the pages."""
    workspace = desk.current.workspace

    @app.get("/sweeps/{name}/runs", response_class=HTMLResponse, include_in_schema=False)
    async def runs_page(request: Request, name: str, offset: Annotated[int, Query(ge=0)] = 0) -> Response:
        """The table of a sweep's runs, sorted and filtered as the address says."""
        return await or_error_page(_runs(desk, request, name, RunFilter.of(request.query_params), offset))

    @app.get("/runs/{run}", response_class=HTMLResponse, include_in_schema=False)
    async def run_page(request: Request, run: str, against: str = "") -> Response:
        """One run: its curve, facts, configuration, attempts and log."""
        return await or_error_page(_curves(workspace, request, [run], against, whole=True))

    @app.get("/runs", response_class=HTMLResponse, include_in_schema=False)
    async def overlay_page(
        request: Request, run: Annotated[list[str] | None, Query()] = None, against: str = ""
    ) -> Response:
        """The curves of several runs on top of each other."""
        return await or_error_page(_curves(workspace, request, run or [], against, whole=False))


async def _runs(desk: Desk, request: Request, name: str, wanted: RunFilter, offset: int) -> Response:
    """The table of a sweep's runs, from one of them on. Raises NotFound."""
    found = await desk.sweep(name)
    answers = await desk.answers(found)
    key = ("runs page", found.sweep.id, found.key, name, wanted, offset)
    return await desk.document(request, key, _runs_document, answers, name, wanted, offset)


def _runs_document(answers: SweepAnswers, name: str, wanted: RunFilter, offset: int) -> Document:
    """The document of a part of a sweep's runs."""
    path = f"/sweeps/{quote(name, safe='')}/runs"
    table = runs_table(answers.table, path, wanted, slice(offset, offset + RUNS_LISTED))
    return html_document(RunsPage(name, table, Slice(path, offset, RUNS_LISTED, table.found, wanted.query)))


async def _curves(
    workspace: Workspace, request: Request, runs: Sequence[str], against: str, *, whole: bool
) -> Response:
    """The curves of runs; `whole` adds everything else that is known of the one run. Raises NotFound."""
    made = await run_in_threadpool(_curves_document, workspace, list(dict.fromkeys(runs)), _against(against), whole)
    return reply(request, made)


def _curves_document(workspace: Workspace, runs: Sequence[str], against: Against, whole: bool) -> Document:
    """The document of curves. Raises NotFound."""
    shown = runs[:CURVES_SHOWN]
    known = [run_json(workspace, run) for run in shown]
    curves = [RunCurve(each["id"][:DIGITS], curve_json(workspace, each["id"])) for each in known]
    chart = _chart(curves, against)
    ids = [each["id"] for each in known]
    if not whole or not known:
        return html_document(CurvesPage(ids, against, chart, _error(runs, chart)))
    log = list(run_log_json(workspace, ids[0]))
    page = CurvesPage(
        ids,
        against,
        chart,
        _error(runs, chart),
        facts(known[0]),
        configuration(known[0]),
        attempts(known[0]),
        log_lines(log),
    )
    return html_document(page)


def _against(asked: str) -> Against:
    """What curves are drawn against: what was asked for, if there is such a thing."""
    known: tuple[Against, ...] = get_args(Against)
    return next((each for each in known if each == asked), "tokens")


def _chart(curves: Sequence[RunCurve], against: Against) -> Figure | None:
    """The curves as a figure; None if nothing was logged."""
    if not any(point.get(against, 0) > 0 for curve in curves for point in curve.points):
        return None
    return figure(training_curves(curves, against), "training")


def _error(runs: Sequence[str], chart: Figure | None) -> str:
    """Why there is no curve, or not every one that was asked for; empty if all is shown."""
    if not runs:
        return "No run was chosen: tick some in a table of runs."
    if len(runs) > CURVES_SHOWN:
        return f"The first {CURVES_SHOWN} of {len(runs)} runs are drawn: more could not be told apart."
    return "" if chart else "Nothing was logged yet."
