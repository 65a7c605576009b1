"""The database as a whole: what is in it, a backup while it is in use, and a copy into another one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orchestrator.scheduling.driver import check_free
from orchestrator.store import Store, transfer
from orchestrator.store.engine import place_of
from orchestrator.use_cases.workspace import Workspace


def status(workspace: Workspace) -> Mapping[str, object]:
    """URL, schema, who schedules, and the number of rows of each table."""
    return transfer.status(workspace.store)


def backup(workspace: Workspace, file: Path) -> None:
    """Write a backup to a new file; the database may be in use. Raises StoreError if the file exists."""
    transfer.backup(workspace.store, file)


def copy(workspace: Workspace, url: str) -> int:
    """Copy every row into the empty database at a URL; returns how many.

    Raises:
        StoreError: it is not a database, or not an empty one.
        AlreadyScheduling: a scheduler is running in this home.
    """
    place_of(url, "the URL of the copy")
    check_free(workspace.home.lock)
    return transfer.copy(workspace.store, Store(url))
