"""The ledger and the audit log as rows: for tables, CSV and JSON alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime

from orchestrator.store import AuditRecord, Entry, LedgerLine
from orchestrator.use_cases.workspace import Workspace

Cell = str | int | float
"""A value in a row."""
LEDGER_COLUMNS = (
    "user", "sweep", "revision", "runs",
    *(f"{unit}_{field.name}" for unit in ("flops", "seconds") for field in fields(Entry)),
)  # fmt: skip
"""Columns of the ledger: in each unit, planned = reserved + spent + refunded."""
AUDIT_COLUMNS = ("id", "at", "user", "action", "subject", "detail", "address", "request")
"""Columns of the audit log."""


def ledger_rows(workspace: Workspace, user: str | None = None) -> list[dict[str, Cell]]:
    """What all users, or one, planned, reserve, spent and got back, a row for each sweep."""
    return [_ledger_row(line) for line in workspace.store.ledger(user)]


def audit_rows(workspace: Workspace, limit: int | None = None, offset: int = 0) -> list[dict[str, Cell]]:
    """Who changed what, the latest first."""
    return [_audit_row(entry) for entry in workspace.store.audit(limit=limit, offset=offset)]


def audit_length(workspace: Workspace) -> int:
    """How many changes are recorded."""
    return workspace.store.audit_length()


def csv_text(rows: Sequence[dict[str, Cell]], columns: Sequence[str]) -> str:
    """Rows as CSV with a header."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _ledger_row(line: LedgerLine) -> dict[str, Cell]:
    """A line of the ledger as a row."""
    amounts = {
        f"{unit}_{name}": value
        for unit, entry in (("flops", line.flops), ("seconds", line.seconds))
        for name, value in asdict(entry).items()
    }
    return {"user": line.user, "sweep": line.sweep, "revision": line.revision, "runs": line.runs, **amounts}


def _audit_row(entry: AuditRecord) -> dict[str, Cell]:
    """An entry of the audit log as a row."""
    row: dict[str, Cell] = asdict(entry)
    return row | {"at": datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds")}
