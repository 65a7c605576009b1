"""The pages: HTML rendered on the server, over the same use cases as REST."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from analysis.law import Law
from analysis.records import LawError, Prediction
from orchestrator.api.desk import LIBRARY, Desk, moment
from orchestrator.api.documents import HTML, Document, document, reply
from orchestrator.api.page_parts import PageParts, further_runs, page_parts, static
from orchestrator.errors import NotFound
from orchestrator.store import SweepTotals
from orchestrator.use_cases.answering import handle
from orchestrator.use_cases.current import Listing
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.web.next_runs import NextTable
from orchestrator.web.render import render
from orchestrator.web.tables import dropped_rows, run_rows
from orchestrator.web.variants import chooser, default_variant
from orchestrator.web.views import ErrorPage, IndexPage, NextPage, RunsPage, Slice, SweepPage, SweepStatus, View

SWEEPS_SHOWN = 200
"""Sweeps on a page of the list."""
RUNS_SHOWN = 100
"""Runs on a sweep's page; more have pages of their own."""
RUNS_LISTED = 500
"""Runs on one of these."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to the question in the URL."""

    prediction: Prediction | None = None
    """The law's prediction with its nearest shape; None without a question, or with an error."""
    error: str = ""
    """Why there is none, for the person who asked."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """The law that a page shows."""

    law: Law | None = None
    """The law of its runs; None as long as there are too few runs, which is not an error."""
    refusal: str = ""
    """Why there is no law."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A sweep that a page was asked for."""

    found: SweepTotals
    """The sweep as it is now."""
    name: str
    """What addresses call it."""
    answers: SweepAnswers
    """What its runs answer."""
    variant: str
    """The variant that is shown."""
    fitted: Fitted
    """Its law, or why there is none."""

    @property
    def key(self) -> tuple[int, str, str, str]:
        """What identifies everything that is computed of it."""
        return self.found.sweep.id, self.found.key, self.name, self.variant


class Pages:
    """Makes the pages of a desk's sweeps."""

    def __init__(self, desk: Desk) -> None:
        """Make them from what this desk knows."""
        self.desk = desk

    async def open(self, name: str, variant: str) -> Opened:
        """A sweep with its law, by the name in an address; without a variant it is the default one. Raises NotFound."""
        found = await self.desk.sweep(name)
        answers = await self.desk.answers(found)
        named = await run_in_threadpool(self.desk.current.handle, found)
        chosen = variant or await run_in_threadpool(lambda: default_variant(answers.spec.vary))
        try:
            fitted = Fitted((await self.desk.fitted(found, chosen)).law(chosen))
        except LawError as error:
            fitted = Fitted(refusal=str(error))
        return Opened(found, named, answers, chosen, fitted)

    async def parts(self, opened: Opened) -> PageParts:
        """The charts of a sweep."""
        arguments = (opened.answers, opened.variant, opened.name)
        return await self.desk.made(("parts", *opened.key), page_parts, *arguments)

    async def next_table(self, opened: Opened) -> NextTable | None:
        """What further runs would buy, once all runs of a sweep with a law have ended: until then these come first."""
        if opened.fitted.law is None or not opened.found.settled:
            return None
        return await self.desk.long(("next", *opened.key), further_runs, opened.answers, opened.variant)

    async def sweep(self, request: Request, name: str, flops: str, variant: str) -> Response:
        """A sweep's page. Raises NotFound."""
        opened = await self.open(name, variant)
        parts = await self.parts(opened)
        key = ("page", *opened.key, flops, moment(opened.found.settled))
        return await self.desk.document(request, key, self._page, opened, parts, flops)

    def _page(self, opened: Opened, parts: PageParts, flops: str) -> Document:
        """The document of a sweep's page."""
        answers, vary = opened.answers, opened.answers.spec.vary
        answer = _answer(opened, flops)
        page = SweepPage(
            sweep=self._status(opened.found, opened.name),
            runs=run_rows(answers.table, slice(RUNS_SHOWN)),
            runs_total=len(answers.runs),
            dropped=dropped_rows(answers.sweep.dropped[:RUNS_SHOWN]),
            dropped_total=len(answers.sweep.dropped),
            law=opened.fitted.law,
            refusal=opened.fitted.refusal,
            figures=parts.figures,
            comparisons=parts.comparisons,
            next_address=_address(opened, "next") if opened.fitted.law and opened.found.settled else "",
            asked=flops,
            answer=answer.prediction,
            error=answer.error,
            variant=opened.variant,
            choices=chooser(opened.name, vary, opened.variant, flops),
        )
        return _html(page)

    async def runs(self, request: Request, name: str, offset: int) -> Response:
        """The table of a sweep's runs, from one of them on. Raises NotFound."""
        found = await self.desk.sweep(name)
        answers = await self.desk.answers(found)
        key = ("runs page", found.sweep.id, found.key, name, offset)
        return await self.desk.document(request, key, self._runs, answers, name, offset)

    async def next(self, request: Request, name: str, variant: str) -> Response:
        """What further runs of a sweep would buy. Raises NotFound."""
        opened = await self.open(name, variant)
        page = NextPage(opened.name, opened.variant, await self.next_table(opened))
        return await self.desk.document(request, ("next page", *opened.key), _html, page)

    async def spec(self, request: Request, name: str, plot: str, variant: str) -> Response:
        """The Vega-Lite specification of a plot. Raises NotFound."""
        found = (await self.parts(await self.open(name, variant))).specs.get(plot)
        if found is None:
            raise NotFound(f"there is no chart {plot!r} on this page")
        return reply(request, found)

    def index(self, listing: Listing, offset: int, base_url: str) -> Document:
        """The document of the list of sweeps, from one of them on."""
        latest: dict[str, SweepTotals] = {}
        for each in listing.sweeps:
            latest.setdefault(each.sweep.name, each)
        shown = listing.sweeps[offset : offset + SWEEPS_SHOWN]
        rows = [self._status(each, handle(each.sweep, latest[each.sweep.name].sweep)) for each in shown]
        return _html(IndexPage(rows, base_url, Slice("/", offset, SWEEPS_SHOWN, len(listing.sweeps))))

    def _runs(self, answers: SweepAnswers, name: str, offset: int) -> Document:
        """The document of a sweep's runs, from one of them on."""
        rows = run_rows(answers.table, slice(offset, offset + RUNS_LISTED))
        part = Slice(f"/sweeps/{quote(name, safe='')}/runs", offset, RUNS_LISTED, len(answers.runs))
        return _html(RunsPage(name, rows, part))

    def _status(self, found: SweepTotals, name: str) -> SweepStatus:
        """A sweep, by the name that its addresses and commands use, and how far it is."""
        progress = self.desk.progress(found)
        return SweepStatus(
            name=name,
            state=progress.state,
            done=progress.done,
            failed=progress.failed,
            running=len(progress.running),
            total=progress.total,
            flops_spent=progress.flops_spent,
            flops_planned=progress.flops_planned,
            seconds_left=progress.seconds_left,
            note=progress.held or progress.waits,
            submitted_at=found.sweep.submitted_at,
        )


def install(app: FastAPI, desk: Desk) -> None:
    """Add the pages and their static files."""
    pages = Pages(desk)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def index(request: Request, offset: Annotated[int, Query(ge=0)] = 0) -> Response:
        """All sweeps."""
        listing = await run_in_threadpool(desk.current.listed)
        base = str(request.base_url)
        key = ("index", listing.key, offset, base, moment(listing.settled))
        return await desk.document(request, key, pages.index, listing, offset, base)

    @app.get("/sweeps/{name}", response_class=HTMLResponse, include_in_schema=False)
    async def sweep_page(request: Request, name: str, flops: str = "", variant: str = "") -> Response:
        """One sweep: progress, live charts, and the answer to a budget typed into the form."""
        return await _or_error_page(pages.sweep(request, name, flops, variant))

    @app.get("/sweeps/{name}/runs", response_class=HTMLResponse, include_in_schema=False)
    async def runs_page(request: Request, name: str, offset: Annotated[int, Query(ge=0)] = 0) -> Response:
        """The table of a sweep's runs."""
        return await _or_error_page(pages.runs(request, name, offset))

    @app.get("/sweeps/{name}/next", response_class=HTMLResponse, include_in_schema=False)
    async def next_page(request: Request, name: str, variant: str = "") -> Response:
        """What further runs of a sweep would buy."""
        return await _or_error_page(pages.next(request, name, variant))

    @app.get("/sweeps/{name}/figures/{plot}.json", include_in_schema=False)
    async def spec(request: Request, name: str, plot: str, variant: str = "") -> Response:
        """The Vega-Lite specification of a plot of a sweep's page."""
        return await pages.spec(request, name, plot, variant)

    @app.get("/static/{name}", include_in_schema=False)
    async def static_file(request: Request, name: str) -> Response:
        """Styles, modules, and vega's bundle."""
        vega = name == LIBRARY
        found = await desk.made(("static", name), static, name) if vega else _small_file(name)
        return Response(status_code=404) if found is None else reply(request, found)


async def _or_error_page(made: Awaitable[Response]) -> Response:
    """A page, or one that says that there is no such sweep."""
    try:
        return await made
    except NotFound as error:
        return HTMLResponse(render(ErrorPage("Not found", str(error))), status_code=404)


@lru_cache(maxsize=16)
def _small_file(name: str) -> Document | None:
    """A file under /static that needs no computation; None if there is none."""
    return static(name)


def _html(view: View) -> Document:
    """The document of a page."""
    return document(render(view).encode(), HTML)


def _address(opened: Opened, page: str) -> str:
    """The address of a further page of a sweep."""
    query = f"?{urlencode({'variant': opened.variant})}" if opened.variant else ""
    return f"/sweeps/{quote(opened.name, safe='')}/{page}{query}"


def _answer(opened: Opened, asked: str) -> Answer:
    """The prediction for a budget as it was typed, or why there is none; empty if nothing was typed."""
    if not asked:
        return Answer()
    try:
        budget = float(asked)
    except ValueError:
        return Answer(error=f"{asked!r} is not a number: type a budget in FLOPs, such as 1e15")
    law, answers = opened.fitted.law, opened.answers
    if law is None:
        return Answer(error=opened.fitted.refusal)
    try:
        return Answer(answers.with_shape(answers.variant(opened.variant), law.predict(budget)))
    except LawError as error:
        return Answer(error=str(error))
