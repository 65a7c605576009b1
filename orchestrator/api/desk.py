"""The desk: takes a request's question to what is known now, and hands out what was computed for the same state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from analysis.law import Law
from orchestrator.api.documents import Document, reply
from orchestrator.api.page_parts import PageParts, static
from orchestrator.api.shelf import FOREVER, lay
from orchestrator.scheduling.progress import Progress
from orchestrator.store import SweepTotals
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.current import Current
from orchestrator.use_cases.kept import REFUSALS, Kept
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.workshop import asking
from orchestrator.use_cases.workspace import Workspace

DOCUMENT_BYTES = 48 * 2**20
"""Memory of the documents that are kept: those made here, and twice as much again for what the workshop made."""
LIBRARY = "vega.js"
"""Name under /static of Vega's bundle."""
LAW_BYTES = 2**20
"""Memory that a law is counted with; the parts of a page are counted with their own."""
OUTLOOKS_KEPT = 256
"""Tables of what further runs would buy that are kept."""
THREADS = 2
"""Threads that compute at a time: more would only take turns. One stays free of what takes long."""
LIVE_SECONDS = 1.0
"""Age up to which an answer with the position of runs in training is given again."""
Value = TypeVar("Value")


class Desk:
    """Answers the requests of one service. Only what is new costs anything, and no request waits for another's."""

    def __init__(self, workspace: Workspace, background: Background, workshop: Executor | None = None) -> None:
        """Answer from a workspace.

        Args:
            workspace: the home that is served.
            background: knows how far runs in training are.
            workshop: fits laws and draws; by default threads of this process.
        """
        self.current = Current(workspace)
        self._background = background
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="answers")
        self._workshop = workshop or self._threads
        self._lane = ThreadPoolExecutor(1, thread_name_prefix="long")
        self._documents: Kept[Document] = Kept(self._threads, DOCUMENT_BYTES, lambda made: made.size)
        self._computed: Kept[Document] = Kept(self._workshop, DOCUMENT_BYTES, lambda made: made.size)
        self._made: Kept[Any] = Kept(self._workshop, DOCUMENT_BYTES, _weight)
        self._long: Kept[Any] = Kept(self._lane, OUTLOOKS_KEPT)

    def warm(self) -> None:
        """Prepare for the first visitor: the workshop makes Vega's bundle, and the list is read."""
        self._made.get(("static", LIBRARY), static, LIBRARY)
        self._threads.submit(self.current.warm)

    def close(self) -> None:
        """End what is being computed."""
        self._workshop.shutdown(cancel_futures=True)
        self._lane.shutdown(cancel_futures=True)

    async def sweep(self, name: str) -> SweepTotals:
        """The sweep of this name as it is now. Raises NotFound."""
        return await run_in_threadpool(self.current.sweep, name)

    async def answers(self, found: SweepTotals) -> SweepAnswers:
        """What a sweep's runs answer in this state."""
        return await run_in_threadpool(self.current.answers, found)

    def progress(self, found: SweepTotals) -> Progress:
        """How far a sweep is, runs in training included."""
        return self.current.progress(found, self._background.live)

    async def fitted(self, found: SweepTotals, variant: str, loss_key: str = "") -> SweepAnswers:
        """What a sweep's runs answer, once the law of a variant is fitted. Raises LawError.

        `loss_key` is the loss that is asked about. Raises QuestionError where the runs have none of the name.
        """
        answers = (await self.answers(found)).on(loss_key)
        if not answers.has_law(variant):
            key = ("law", found.sweep.id, found.key, variant, answers.loss_key)
            law = await self.made(key, law_of, answers, variant)
            answers.keep_law(variant, law)
        return answers

    async def made(self, key: Hashable, make: Callable[..., Value], *arguments: Any) -> Value:
        """What the workshop makes, or has made, for a key; `make` and its arguments may go to another process."""
        made: Value = await _outcome(self._made.get(key, make, *arguments))
        return made

    def compute(self, function: Callable[..., Value], /, *arguments: Any) -> Value:
        """What the workshop makes of arguments that may go to another process; nothing is kept."""
        return self._workshop.submit(function, *arguments).result()

    async def long(self, key: Hashable, make: Callable[..., Value], *arguments: Any) -> Value:
        """`made` for what takes many seconds: one at a time, so that laws and charts have the rest of the workshop."""

        user = asking.get()

        def wait() -> Value:
            """Wait for the workshop, in another thread."""
            asking.set(user)
            return self._workshop.submit(make, *arguments).result()

        made: Value = await _outcome(self._long.get(key, wait))
        return made

    async def document(
        self, request: Request, key: Hashable, make: Callable[..., Document], *arguments: Any, settled: bool = True
    ) -> Response:
        """The document of a key in answer to a request; `make(*arguments)` makes it if it is not kept.

        One that shows runs in training, which are not `settled`, is made again after LIVE_SECONDS.
        """
        if settled:
            return self.reply(request, await _outcome(self._documents.get(key, make, *arguments)))
        tick = int(time.monotonic() / LIVE_SECONDS) + 1
        found = await _outcome(self._documents.get((key, tick), make, *arguments))
        return self.reply(request, found, tick * LIVE_SECONDS)

    async def computed(
        self, request: Request, key: Hashable, make: Callable[..., Document], *arguments: Any
    ) -> Response:
        """`document` for one that takes long: the workshop makes it."""
        return self.reply(request, await _outcome(self._computed.get(key, make, *arguments)))

    def reply(self, request: Request, found: Document, until: float = FOREVER) -> Response:
        """A document of what the database holds in answer to a request; it says how old it is while that is away.

        Until a time of the monotonic clock it is the answer to all such requests, if nothing is written before.
        """
        age = self.current.age
        if not age:
            lay(request, found, until)
        return reply(request, found, age)


def _weight(made: object) -> int:
    """Bytes that something from the workshop is counted with."""
    return made.size if isinstance(made, Document | PageParts) else LAW_BYTES


def law_of(answers: SweepAnswers, variant: str) -> Law:
    """The law of a variant. Raises LawError."""
    return answers.law(variant)


async def _outcome(future: Future[Value]) -> Value:
    """What a computation gives; one who goes away does not cancel it for the others."""
    try:
        return await asyncio.shield(asyncio.wrap_future(future))
    except REFUSALS as error:  # kept, and raised again and again: its traceback would grow
        raise error.with_traceback(None) from None
