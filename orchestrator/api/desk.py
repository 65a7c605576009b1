"""The desk: takes a request's question to what is known now, and hands out what was computed for the same state."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from analysis.law import Law
from orchestrator.api.documents import Document, reply
from orchestrator.api.jobs import outcome_of
from orchestrator.api.page_parts import PageParts, static
from orchestrator.api.shelf import FOREVER, lay
from orchestrator.api.warm_up import warm_up, warm_up_pages
from orchestrator.scheduling.progress import Progress
from orchestrator.store import SweepTotals
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.current import Current
from orchestrator.use_cases.kept import Kept
from orchestrator.use_cases.law_parts import bare_law, has_parts, holdout_records, whole_law
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.workshop import Workshop, asking
from orchestrator.use_cases.workspace import Workspace
from tokenizer.errors import ExpectedError

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
"""After which an answer with the position of runs in training is made again: it is at most twice as old."""
WARM_UP_SECONDS = 10.0
"""After which the second process of the workshop starts and warms up: a service of a moment starts one alone."""
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
        self._artifacts = workspace.home.artifacts
        self._later: threading.Timer | None = None
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="answers")
        self._warmed = workshop if isinstance(workshop, Workshop) and workspace.settings.warm_up else None
        self._workshop = workshop or self._threads
        self._lane = ThreadPoolExecutor(1, thread_name_prefix="long")
        self._documents: Kept[Document] = Kept(self._threads, DOCUMENT_BYTES, lambda made: made.size)
        self._computed: Kept[Document] = Kept(self._workshop, DOCUMENT_BYTES, lambda made: made.size)
        self._made: Kept[Any] = Kept(self._workshop, DOCUMENT_BYTES, _weight)
        self._long: Kept[Any] = Kept(self._lane, OUTLOOKS_KEPT)

    def warm(self) -> None:
        """Prepare for the first visitor: the list is read, and the workshop makes Vega's bundle and warms up.

        Its other process does so, too, once the service has been up for a while.
        """
        made = self._made.get(("static", LIBRARY), static, LIBRARY)
        self._threads.submit(self.current.warm)
        if self._warmed is not None:
            self._threads.submit(warm_up_pages, self._artifacts)
            made.add_done_callback(lambda _: self._warm_up(rested=False))
            self._later = threading.Timer(WARM_UP_SECONDS, self._warm_up, kwargs={"rested": True})
            self._later.daemon = True
            self._later.start()

    def _warm_up(self, *, rested: bool) -> None:
        """Warm up a process of the workshop: that used last, or the most `rested`; none if it has ended."""
        if self._warmed is not None:
            with contextlib.suppress(ExpectedError):
                self._warmed.carry_out(warm_up, self._artifacts, rested=rested)

    def close(self) -> None:
        """End what is being computed."""
        if self._later is not None:
            self._later.cancel()
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
            key = (found.sweep.id, found.key, variant, answers.loss_key)
            if await run_in_threadpool(has_parts, answers, variant):
                bare, records = await asyncio.gather(
                    self.made(("bare law", *key), bare_law, answers, variant),
                    self.made(("hold-out", *key), holdout_records, answers, variant),
                )
                law = await run_in_threadpool(whole_law, answers, variant, bare, records)
            else:
                law = await self.made(("law", *key), law_of, answers, variant)
            answers.keep_law(variant, law)
        return answers

    async def made(self, key: Hashable, make: Callable[..., Value], *arguments: Any) -> Value:
        """What the workshop makes, or has made, for a key; `make` and its arguments may go to another process."""
        made: Value = await outcome_of(self._made, self._made.get(key, make, *arguments))
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

        made: Value = await outcome_of(self._long, self._long.get(key, wait))
        return made

    async def document(
        self, request: Request, key: Hashable, make: Callable[..., Document], *arguments: Any, settled: bool = True
    ) -> Response:
        """The document of a key in answer to a request; `make(*arguments)` makes it if it is not kept.

        One that shows runs in training, which are not `settled`, is made again after LIVE_SECONDS; who asks meanwhile
        gets the one before.
        """
        if settled:
            made = self._documents.get(key, make, *arguments)
            return self.reply(request, await outcome_of(self._documents, made))
        tick = int(time.monotonic() / LIVE_SECONDS) + 1
        made = self._documents.get((key, tick), make, *arguments)
        before = None if made.done() else self._documents.ready((key, tick - 1))
        if before is not None:
            return self.reply(request, before, until=0.0)
        return self.reply(request, await outcome_of(self._documents, made), tick * LIVE_SECONDS)

    async def computed(
        self, request: Request, key: Hashable, make: Callable[..., Document], *arguments: Any
    ) -> Response:
        """`document` for one that takes long: the workshop makes it."""
        return self.reply(request, await outcome_of(self._computed, self._computed.get(key, make, *arguments)))

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
