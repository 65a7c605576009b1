"""The pages of further answers: one question, what further runs would buy, ranked variants, two sweeps compared."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from analysis.records import LawError
from orchestrator.api.desk import Desk
from orchestrator.api.opened import Opened, answer_to, html_document, open_sweep, or_error_page
from orchestrator.api.page_parts import compared, further_runs, ranked
from orchestrator.use_cases.answering import handle
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.web.answer_views import AnswerPage, Chosen, ComparePage, NextPage, RankingPage
from orchestrator.web.next_runs import NextTable
from orchestrator.web.question import Typed
from orchestrator.web.variants import default_variant

SWEEPS_OFFERED = 500
"""Sweeps that can be chosen from for a comparison; any other one is compared by its address."""


class AnswerPages:
    """Makes these pages from what a desk knows."""

    def __init__(self, desk: Desk) -> None:
        """Make them from what this desk knows."""
        self.desk = desk

    async def answer(self, request: Request, name: str, variant: str, loss_key: str) -> Response:
        """The reply to one question. Raises NotFound."""
        opened = await open_sweep(self.desk, name, variant, loss_key)
        asked = Typed.of(request.query_params)
        made = await answer_to(self.desk, opened, asked)
        known = opened.fitted.law.warnings if opened.fitted.law else ()
        key = opened.answers.loss_key.text
        question = urlencode(dict(asked.query) | ({"loss_key": key} if key else {}))
        page = AnswerPage(opened.name, opened.variant, question, known, made.reply, made.error)
        return await self.desk.document(request, ("answer page", *opened.key, asked.encoded), html_document, page)

    async def next_table(self, opened: Opened) -> NextTable | None:
        """What further runs would buy, once all runs of a sweep with a law have ended: until then these come first."""
        if opened.fitted.law is None or not opened.found.settled:
            return None
        return await self.desk.long(("next", *opened.key), further_runs, opened.answers, opened.variant)

    async def next(self, request: Request, name: str, variant: str, loss_key: str) -> Response:
        """What further runs of a sweep would buy. Raises NotFound."""
        opened = await open_sweep(self.desk, name, variant, loss_key)
        page = NextPage(opened.name, opened.variant, await self.next_table(opened))
        return await self.desk.document(request, ("next page", *opened.key), html_document, page)

    async def variants(self, request: Request, name: str, loss_key: str) -> Response:
        """The variants of a sweep in the order of their worth. Raises NotFound, QuestionError."""
        found = await self.desk.sweep(name)
        answers = (await self.desk.answers(found)).on(loss_key)
        named = await run_in_threadpool(self.desk.current.handle, found)
        key = (found.sweep.id, found.key, named, answers.loss_key.text)
        try:
            page = RankingPage(named, await self.desk.long(("ranking", *key), ranked, answers, named), "")
        except LawError as error:
            page = RankingPage(named, (), str(error))
        return await self.desk.document(request, ("variants page", *key), html_document, page)

    async def compare(self, request: Request, baseline: Chosen, other: Chosen) -> Response:
        """Two sweeps against each other. Raises NotFound."""
        listing = await run_in_threadpool(self.desk.current.listed)
        latest = {each.sweep.name: each.sweep for each in reversed(listing.sweeps)}
        offered = [handle(each.sweep, latest[each.sweep.name]) for each in listing.sweeps[:SWEEPS_OFFERED]]
        if not (baseline.sweep and other.sweep):
            page = ComparePage(offered, baseline, other, None, None, "")
            return await self.desk.document(request, ("compare", listing.key, baseline, other), html_document, page)
        found = [await self.desk.sweep(chosen.sweep) for chosen in (baseline, other)]
        sides = [await self.desk.answers(each) for each in found]
        labels = await run_in_threadpool(
            lambda: tuple(_label(chosen, side) for chosen, side in zip((baseline, other), sides, strict=True))
        )
        key = (*((each.sweep.id, each.key) for each in found), labels)
        comparison, chart, error = None, None, ""
        try:
            comparison, chart = await self.desk.made(("compared", *key), compared, *sides, labels)
        except LawError as refusal:
            error = str(refusal)
        page = ComparePage(offered, baseline, other, comparison, chart, error)
        whole = ("compare", listing.key, baseline, other, *key)
        return await self.desk.document(request, whole, html_document, page)


def _label(chosen: Chosen, answers: SweepAnswers) -> str:
    """The variant that is compared: the one asked for, else the first."""
    return chosen.variant or default_variant(answers.spec.vary)


def install(app: FastAPI, desk: Desk) -> None:
    """Add the pages."""
    pages = AnswerPages(desk)

    @app.get("/sweeps/{name}/answer", response_class=HTMLResponse, include_in_schema=False)
    async def answer_page(request: Request, name: str, variant: str = "", loss_key: str = "") -> Response:
        """The reply to the question in the address."""
        return await or_error_page(pages.answer(request, name, variant, loss_key))

    @app.get("/sweeps/{name}/next", response_class=HTMLResponse, include_in_schema=False)
    async def next_page(request: Request, name: str, variant: str = "", loss_key: str = "") -> Response:
        """What further runs of a sweep would buy."""
        return await or_error_page(pages.next(request, name, variant, loss_key))

    @app.get("/sweeps/{name}/variants", response_class=HTMLResponse, include_in_schema=False)
    async def variants_page(request: Request, name: str, loss_key: str = "") -> Response:
        """The variants of a sweep in the order of their worth."""
        return await or_error_page(pages.variants(request, name, loss_key))

    @app.get("/compare", response_class=HTMLResponse, include_in_schema=False)
    async def compare_page(
        request: Request, baseline: str = "", other: str = "", baseline_variant: str = "", other_variant: str = ""
    ) -> Response:
        """Two sweeps, or variants of them, against each other."""
        sides = Chosen(baseline, baseline_variant), Chosen(other, other_variant)
        return await or_error_page(pages.compare(request, *sides))
