"""The routes about people: one's own account, the ledger, the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from orchestrator.api.answers import CsvResponse
from orchestrator.api.documents import CSV, document, json_document, reply
from orchestrator.api.listing import Part, paging
from orchestrator.api.permissions import actor_of
from orchestrator.people import Role
from orchestrator.use_cases.accounts import account_json
from orchestrator.use_cases.ledgers import (
    AUDIT_COLUMNS,
    LEDGER_COLUMNS,
    audit_length,
    audit_rows,
    csv_text,
    ledger_rows,
)
from orchestrator.use_cases.workspace import Workspace

AUDIT = "/api/v1/audit"
LEDGER = "/api/v1/ledger"


def install(app: FastAPI, workspace: Workspace) -> None:
    """Add the routes."""

    @app.get("/api/v1/account", tags=["people"])
    async def account(request: Request) -> Response:
        """Whom the token lets in: name, role, group, quota, and what is reserved and spent."""
        made = await run_in_threadpool(account_json, workspace, actor_of(request))
        return reply(request, json_document(made))

    @app.get(LEDGER, tags=["people"])
    async def ledger(request: Request) -> Response:
        """What each user planned, reserves, spent and got back, by sweep; those who are no admin see their own lines.

        In each unit, planned = reserved + spent + refunded.
        """
        rows = await run_in_threadpool(ledger_rows, workspace, _whose(request))
        return reply(request, json_document(rows))

    @app.get(LEDGER + ".csv", tags=["people"], response_class=CsvResponse)
    async def ledger_table(request: Request) -> Response:
        """The ledger as CSV: what `isoflop ledger -o csv` prints."""
        rows = await run_in_threadpool(ledger_rows, workspace, _whose(request))
        return reply(request, document(csv_text(rows, LEDGER_COLUMNS).encode(), CSV))

    @app.get(AUDIT, tags=["people"])
    async def audit(request: Request, asked: Annotated[Part, Query()]) -> Response:
        """Who changed what, from where and when, with the id of the request: the latest first."""
        rows = await run_in_threadpool(audit_rows, workspace, asked.limit, asked.offset)
        total = await run_in_threadpool(audit_length, workspace)
        return reply(request, json_document(rows, paging(AUDIT, asked, total)))

    @app.get(AUDIT + ".csv", tags=["people"], response_class=CsvResponse)
    async def audit_table(request: Request) -> Response:
        """The whole audit log as CSV: what `isoflop audit -o csv` prints."""
        rows = await run_in_threadpool(audit_rows, workspace)
        return reply(request, document(csv_text(rows, AUDIT_COLUMNS).encode(), CSV))


def _whose(request: Request) -> str | None:
    """Whose lines of the ledger somebody sees; None for all."""
    actor = actor_of(request)
    return None if actor.role is Role.ADMIN else actor.name
