"""A sweep that a page was asked for: found, read and fitted; and how a page becomes a document."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from analysis.answers.ask import Reply
from analysis.law import Law
from analysis.records import LawError, QuestionError
from orchestrator.api.desk import Desk
from orchestrator.api.documents import HTML, Document, document
from orchestrator.api.page_parts import reply_to
from orchestrator.errors import NotFound
from orchestrator.store import SweepTotals
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.web.question import Typed
from orchestrator.web.render import render
from orchestrator.web.variants import default_variant
from orchestrator.web.views import ErrorPage, SweepStatus, View


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to the question in an address."""

    reply: Reply | None = None
    """The law's reply; None without a question, or with an error."""
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
    def key(self) -> tuple[int, str, str, str, str]:
        """What identifies everything that is computed of it."""
        return self.found.sweep.id, self.found.key, self.name, self.variant, self.answers.loss_key.text

    def address(self, page: str) -> str:
        """The address of a further page of the sweep."""
        named = {"variant": self.variant, "loss_key": self.answers.loss_key.text}
        query = urlencode({key: value for key, value in named.items() if value})
        return f"/sweeps/{quote(self.name, safe='')}/{page}{f'?{query}' if query else ''}"


async def open_sweep(desk: Desk, name: str, variant: str, loss_key: str = "") -> Opened:
    """A sweep with its law, by the name in an address; without a variant it is the default one.

    `loss_key` is the loss that is asked about. Raises NotFound for a sweep or a loss that there is not.
    """
    found = await desk.sweep(name)
    try:
        answers = (await desk.answers(found)).on(loss_key)
    except QuestionError as error:
        raise NotFound(str(error)) from error
    named = await run_in_threadpool(desk.current.handle, found)
    chosen = variant or await run_in_threadpool(lambda: default_variant(answers.spec.vary))
    try:
        fitted = Fitted((await desk.fitted(found, chosen, loss_key)).law(chosen))
    except LawError as error:
        fitted = Fitted(refusal=str(error))
    return Opened(found, named, answers, chosen, fitted)


async def answer_to(desk: Desk, opened: Opened, asked: Typed) -> Answer:
    """The answer to a question as it was typed, or why there is none; empty without one."""
    if not asked.asked:
        return Answer()
    try:
        question = asked.question()
        if opened.fitted.law is None:
            return Answer(error=opened.fitted.refusal)
        key = ("reply", *opened.key, asked.encoded)
        return Answer(await desk.made(key, reply_to, opened.answers, opened.variant, question))
    except (LawError, QuestionError) as error:
        return Answer(error=str(error))


def status_of(desk: Desk, found: SweepTotals, name: str) -> SweepStatus:
    """A sweep, by the name that its addresses and commands use, and how far it is."""
    progress = desk.progress(found)
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
        user=found.sweep.user,
        cancelled=progress.cancelled,
        training=progress.running,
    )


def html_document(view: View) -> Document:
    """The document of a page."""
    return document(render(view).encode(), HTML)


async def or_error_page(made: Awaitable[Response]) -> Response:
    """A page, or one that says that there is no such thing."""
    try:
        return await made
    except NotFound as error:
        return HTMLResponse(render(ErrorPage("Not found", str(error))), status_code=404)
