"""The pages of sweeps: the list with the box for a sweep file, and one sweep; over the same use cases as REST."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated
from urllib.parse import quote

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from orchestrator.api import answer_pages, run_pages
from orchestrator.api.desk import LIBRARY, Desk
from orchestrator.api.documents import Document, reply
from orchestrator.api.listing import SWEEP_ORDERS, wanted_sweeps
from orchestrator.api.opened import Answer, Opened, answer_to, html_document, open_sweep, or_error_page, status_of
from orchestrator.api.page_parts import PageParts, page_parts, static
from orchestrator.errors import NotFound
from orchestrator.states import SweepState
from orchestrator.store import SweepTotals
from orchestrator.use_cases.answering import handle
from orchestrator.use_cases.current import Listing
from orchestrator.use_cases.until_law import awaited, until_law
from orchestrator.web.question import Typed, device_names
from orchestrator.web.revisions import Revision, revisions
from orchestrator.web.runs_table import LONGEST, RunFilter, runs_table
from orchestrator.web.tables import dropped_rows
from orchestrator.web.variants import chooser, losses
from orchestrator.web.views import STARTER, IndexPage, ListFilter, Slice, SweepPage

SWEEPS_SHOWN = 200
"""Sweeps on a page of the list."""
RUNS_SHOWN = 100
"""Runs on a sweep's page; more have pages of their own."""
REVISIONS_SHOWN = 20
"""Revisions on a sweep's page."""


class Pages:
    """Makes the pages of a desk's sweeps."""

    def __init__(self, desk: Desk) -> None:
        """Make them from what this desk knows."""
        self.desk = desk

    async def parts(self, opened: Opened, *, published: bool) -> PageParts:
        """The charts of a sweep."""
        arguments = (opened.answers, opened.variant, opened.name, published)
        return await self.desk.made(("parts", *opened.key, published), page_parts, *arguments)

    async def sweep(self, request: Request, name: str, variant: str, loss_key: str, *, published: bool) -> Response:
        """A sweep's page. Raises NotFound."""
        opened = await open_sweep(self.desk, name, variant, loss_key)
        parts = await self.parts(opened, published=published)
        asked = Typed.of(request.query_params)
        answer = await answer_to(self.desk, opened, asked)
        known = await run_in_threadpool(self._revisions, opened)
        key = ("page", *opened.key, asked.encoded, published, tuple(each.revision for each in known))
        arguments = (opened, parts, asked, answer, known, published)
        return await self.desk.document(request, key, self._page, *arguments, settled=opened.found.settled)

    def _page(
        self,
        opened: Opened,
        parts: PageParts,
        asked: Typed,
        answer: Answer,
        known: tuple[Revision, ...],
        published: bool,
    ) -> Document:
        """The document of a sweep's page."""
        answers, law, sweep = opened.answers, opened.fitted.law, opened.found.sweep
        key = answers.loss_key.text
        curves = awaited(answers.runs, opened.variant)
        path = f"/sweeps/{quote(opened.name, safe='')}/runs"
        page = SweepPage(
            sweep=status_of(self.desk, opened.found, opened.name),
            revision=sweep.revision[:8],
            runs=runs_table(answers.table, path, RunFilter(), slice(RUNS_SHOWN)),
            source=sweep.source,
            plan_warnings=sweep.warnings,
            revisions=known,
            dropped=dropped_rows(sweep.dropped[:RUNS_SHOWN]),
            dropped_total=len(sweep.dropped),
            unique_tokens=sweep.unique_tokens,
            until_law="" if law is not None and law.estimators else until_law(curves),
            awaited=curves,
            law=law,
            refusal=opened.fitted.refusal,
            figures=parts.figures,
            published=published,
            comparisons=parts.comparisons,
            ranking_address=opened.address("variants") if law and answers.spec.vary else "",
            next_address=opened.address("next") if law and opened.found.settled else "",
            unasked=parts.unasked,
            sliders=parts.sliders,
            trust=parts.trust,
            asked=asked,
            devices=device_names(),
            reply=answer.reply,
            error=answer.error,
            variant=opened.variant,
            loss_key=key,
            choices=(
                *chooser(opened.name, answers.spec.vary, opened.variant, asked, key),
                *losses(opened.name, answers.loss_keys, opened.variant, asked, key),
            ),
        )
        return html_document(page)

    def _revisions(self, opened: Opened) -> tuple[Revision, ...]:
        """The revisions of a sweep, the latest first."""
        own = opened.found.sweep
        every = [each.sweep for each in self.desk.current.listed().sweeps if each.sweep.name == own.name]
        shown = every[:REVISIONS_SHOWN] or [own]
        return revisions(shown, own, [handle(each, shown[0]) for each in shown])

    async def spec(
        self, request: Request, name: str, plot: str, variant: str, loss_key: str, *, published: bool
    ) -> Response:
        """The Vega-Lite specification of a plot. Raises NotFound."""
        opened = await open_sweep(self.desk, name, variant, loss_key)
        found = (await self.parts(opened, published=published)).specs.get(plot)
        if found is None:
            raise NotFound(f"there is no chart {plot!r} on this page")
        return self.desk.reply(request, found)

    async def index(self, request: Request, wanted: ListFilter, offset: int, drafted_from: str) -> Response:
        """The list of sweeps, and the box with a sweep's file, by default an example. Raises NotFound."""
        listing = await run_in_threadpool(self.desk.current.listed)
        draft = (await self.desk.sweep(drafted_from)).sweep.source if drafted_from else STARTER
        base = str(request.base_url)
        key = ("index", listing.key, wanted, offset, drafted_from, draft, base)
        arguments = (listing, wanted, offset, base, drafted_from, draft)
        return await self.desk.document(request, key, self._index, *arguments, settled=listing.settled)

    def _index(
        self, listing: Listing, wanted: ListFilter, offset: int, base_url: str, drafted_from: str, draft: str
    ) -> Document:
        """The document of the list, from one of the sweeps on."""
        latest: dict[str, SweepTotals] = {}
        for each in listing.sweeps:
            latest.setdefault(each.sweep.name, each)
        found = wanted_sweeps(listing.sweeps, name=wanted.name, state=wanted.state, user=wanted.user, sort=wanted.sort)
        shown = found[offset : offset + SWEEPS_SHOWN]
        rows = [status_of(self.desk, each, handle(each.sweep, latest[each.sweep.name].sweep)) for each in shown]
        part = Slice("/", offset, SWEEPS_SHOWN, len(found), wanted.query)
        users = sorted({each.sweep.user for each in listing.sweeps if each.sweep.user})
        return html_document(
            IndexPage(rows, base_url, part, wanted, users=users, draft=draft, drafted_from=drafted_from)
        )


def install(app: FastAPI, desk: Desk) -> None:
    """Add the pages and their static files."""
    pages = Pages(desk)
    answer_pages.install(app, desk)
    run_pages.install(app, desk)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def index(request: Request, offset: Annotated[int, Query(ge=0)] = 0) -> Response:
        """All sweeps, or those that are wanted, and the box for a sweep file."""
        query = request.query_params
        drafted_from = query.get("from", "")[: 2 * LONGEST]
        return await or_error_page(pages.index(request, _wanted(request), offset, drafted_from))

    @app.get("/sweeps/{name}", response_class=HTMLResponse, include_in_schema=False)
    async def sweep_page(
        request: Request, name: str, variant: str = "", loss_key: str = "", published: bool = False
    ) -> Response:
        """One sweep; the question in the address is answered."""
        return await or_error_page(pages.sweep(request, name, variant, loss_key, published=published))

    @app.get("/sweeps/{name}/figures/{plot}.json", include_in_schema=False)
    async def spec(
        request: Request, name: str, plot: str, variant: str = "", loss_key: str = "", published: bool = False
    ) -> Response:
        """The Vega-Lite specification of a plot of a sweep's page."""
        return await pages.spec(request, name, plot, variant, loss_key, published=published)

    @app.get("/static/{name}", include_in_schema=False)
    async def static_file(request: Request, name: str) -> Response:
        """Styles, modules, and vega's bundle."""
        vega = name == LIBRARY
        found = await desk.made(("static", name), static, name) if vega else _small_file(name)
        return Response(status_code=404) if found is None else reply(request, found)


def _wanted(request: Request) -> ListFilter:
    """Which sweeps an address asks for; what no list has is left out."""
    query = {name: request.query_params.get(name, "").strip()[:LONGEST] for name in ("name", "state", "user", "sort")}
    state = query["state"] if query["state"] in list(SweepState) else ""
    sort = query["sort"] if query["sort"] in SWEEP_ORDERS else "-submitted_at"
    return ListFilter(query["name"], state, query["user"], sort)


@lru_cache(maxsize=16)
def _small_file(name: str) -> Document | None:
    """A file under /static that needs no computation; None if there is none."""
    return static(name)
