"""The routes that submit, plan, list, show and control sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from orchestrator.api import problems
from orchestrator.api.desk import Desk
from orchestrator.api.documents import JSON, Document, document, json_document, json_text
from orchestrator.api.jobs import waited_for
from orchestrator.api.listing import SweepsAsked, paging, wanted_sweeps
from orchestrator.api.permissions import actor_of
from orchestrator.scheduling.progress import progress_json
from orchestrator.store import SweepTotals
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.control import ACTIONS
from orchestrator.use_cases.current import Listing
from orchestrator.use_cases.export import rows_json
from orchestrator.use_cases.plan_json import received_json
from orchestrator.use_cases.received import plan_received
from orchestrator.use_cases.records_json import records_json
from orchestrator.use_cases.submission import is_known, submit
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.workspace import Workspace
from tokenizer.files import Reach

SWEEPS = "/api/v1/sweeps"
SUMMARIES_KEPT = 20_000
"""Summaries that are kept, of some 300 bytes each."""
STORING = 4
"""Threads that store submitted sweeps at a time; further ones wait for one of them."""
_YAML_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": {"schema": {"type": "string"}},
            # The same bytes, for clients whose generator knows no YAML.
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_KNOWN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "It was submitted before; nothing new is trained.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


class Action(StrEnum):
    """The controls of a sweep."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"


def install(
    app: FastAPI, workspace: Workspace, background: Background, desk: Desk, corpora: Reach, planners: Executor
) -> None:
    """Add the routes.

    Args:
        app: what they are added to.
        workspace: the home that is served.
        background: its scheduler's thread.
        desk: answers what is read.
        corpora: where the corpora of submitted sweeps may lie.
        planners: plans what is received.
    """
    _add_submission(app, workspace, background, desk, corpora, planners)
    summaries = Summaries(desk)

    @app.get(SWEEPS, tags=["sweeps"])
    async def list_sweeps(request: Request, asked: Annotated[SweepsAsked, Query()]) -> Response:
        """All sweeps, the latest first: name, revision and progress of each."""
        listing = await run_in_threadpool(desk.current.listed)
        key = ("sweeps", listing.key, asked.model_dump_json())
        return await desk.document(request, key, _list, summaries, listing, asked, settled=listing.settled)

    @app.get(SWEEPS + "/{name}", tags=["sweeps"])
    async def get_sweep(request: Request, name: str) -> Response:
        """A sweep: its file, its runs and how far it is."""
        found = await desk.sweep(name)
        answers = await desk.answers(found)
        key = ("sweep", found.sweep.id, found.key)
        return await desk.document(request, key, _show, desk, found, answers, settled=found.settled)

    @app.get(SWEEPS + "/{name}/records", tags=["sweeps"])
    async def get_records(request: Request, name: str) -> Response:
        """A sweep with its runs and forecasts as they are stored: from these, isoflop's client answers by itself."""
        found = await desk.sweep(name)
        answers = await desk.answers(found)
        return await desk.document(request, ("records", found.sweep.id, found.key), _records, answers)

    @app.post(SWEEPS + "/{name}/{action}", tags=["sweeps"])
    def control(request: Request, name: str, action: Action) -> dict[str, str]:
        """Cancel, pause, resume or retry a sweep of yours, or any as an admin.

        Runs in training leave a checkpoint before they end.
        """
        return {"name": name, "action": action, "message": ACTIONS[action](workspace, name, actor_of(request))}


def _add_submission(
    app: FastAPI, workspace: Workspace, background: Background, desk: Desk, corpora: Reach, planners: Executor
) -> None:
    """Add the routes that take a sweep file. All other requests are answered however many plans wait for a corpus."""
    storing = CapacityLimiter(STORING)

    @app.post(SWEEPS, status_code=201, tags=["sweeps"], openapi_extra=_YAML_BODY, responses=_KNOWN)
    async def submit_sweep(
        request: Request, override: Annotated[list[str] | None, Query()] = None, rerun: bool = False
    ) -> Response:
        """Submit a sweep file (YAML body); repeat `override` for each `key=value`. Submitting it twice does nothing.

        The answer is 201 the first time and 200 after. `rerun` trains finished runs again.
        """
        if background.error is not None:
            reason = f"the scheduler ended: {problems.reason_of(background.error)}"
            return problems.problem(503, "scheduler", reason)
        body = await request.body()
        planned = await waited_for(request, planners, plan_received, workspace, body, override or [], corpora)
        known = await run_in_threadpool(is_known, workspace, planned)
        store = partial(submit, workspace, planned, actor_of(request), rerun=rerun)
        sweep = await to_thread.run_sync(store, limiter=storing)
        found = await desk.sweep(f"{sweep.name}@{sweep.revision}")
        dropped = [cell.to_dict() for cell in sweep.dropped]
        answer = _summary_json(desk, found) | {"dropped": dropped, "warnings": sweep.warnings}
        headers = {"Location": f"{SWEEPS}/{sweep.name}"}
        return JSONResponse(answer, status_code=200 if known else 201, headers=headers)

    @app.post("/api/v1/plans", tags=["sweeps"], openapi_extra=_YAML_BODY)
    async def plan(request: Request, override: Annotated[list[str] | None, Query()] = None) -> Response:
        """Plan a sweep file (YAML body) without submitting it: what `isoflop plan -o json` says.

        Mistakes in the file are `errors` of the problem document, each with its line and column.
        """
        body = await request.body()
        made = await waited_for(request, planners, _plan, workspace, body, override or [], corpora)
        return Response(made, media_type="application/json")


def _plan(workspace: Workspace, source: bytes, overrides: Sequence[str], corpora: Reach) -> bytes:
    """The JSON of a received sweep's plan; raises what `plan_received` raises."""
    return json_document(received_json(workspace, source, overrides, corpora)).body


class Summaries:
    """The summaries of sweeps as JSON. Those of settled sweeps are kept, so that a list costs what is new in it."""

    def __init__(self, desk: Desk) -> None:
        """Take them from what a desk knows."""
        self._desk = desk
        self._texts: dict[tuple[int, str], str] = {}

    def text(self, found: SweepTotals) -> str:
        """The summary of a sweep; several threads may ask."""
        if not found.settled or found.sweep.note:
            return json_text(_summary_json(self._desk, found))
        key = found.sweep.id, found.key
        text = self._texts.get(key)
        if text is None:
            if len(self._texts) >= SUMMARIES_KEPT:
                self._texts.clear()
            text = self._texts[key] = json_text(_summary_json(self._desk, found))
        return text


def _list(summaries: Summaries, listing: Listing, asked: SweepsAsked) -> Document:
    """The document of a list of sweeps."""
    found = wanted_sweeps(
        listing.sweeps, name=asked.name, state=asked.state or "", user=asked.user or "", sort=asked.sort
    )
    shown = found[asked.offset : asked.offset + asked.limit]
    rows = f"[{','.join(summaries.text(each) for each in shown)}]"
    return document(rows.encode(), JSON, paging(SWEEPS, asked, len(found)))


def _records(answers: SweepAnswers) -> Document:
    """The document of what is stored of a sweep."""
    return json_document(records_json(answers))


def _show(desk: Desk, found: SweepTotals, answers: SweepAnswers) -> Document:
    """The document of a sweep."""
    sweep = found.sweep
    return json_document(
        _summary_json(desk, found)
        | {
            "source": sweep.source,
            "rounds": [each.to_dict() for each in sweep.rounds],
            "dropped": [cell.to_dict() for cell in sweep.dropped],
            "runs": rows_json(answers.table),
        }
    )


def _summary_json(desk: Desk, found: SweepTotals) -> dict[str, Any]:
    """Name, revision and progress of a sweep."""
    sweep, progress = found.sweep, progress_json(desk.progress(found))
    facts = {"name": sweep.name, "revision": sweep.revision, "user": sweep.user, "submitted_at": sweep.submitted_at}
    return facts | progress
