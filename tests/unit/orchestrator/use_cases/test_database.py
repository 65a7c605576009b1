"""The database as a whole: its status, a backup, and a copy that a running scheduler forbids."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.scheduling.driver import AlreadyScheduling, scheduler_lock
from orchestrator.store import Store, StoreError
from orchestrator.use_cases import database
from orchestrator.use_cases.submission import submit
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.use_cases.homes import open_home, planned


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    opened = open_home(tmp_path)
    submit(opened, planned())
    return opened


def test_the_status_counts_rows(workspace: Workspace) -> None:
    status = database.status(workspace)
    assert (status["sweeps"], status["runs"]) == (1, len(planned().plan.all_runs))
    assert str(status["url"]).endswith("isoflop.db")


def test_a_backup_is_a_database_of_its_own(workspace: Workspace, tmp_path: Path) -> None:
    database.backup(workspace, tmp_path / "backup.db")
    assert [s.name for s in Store(f"sqlite:///{tmp_path / 'backup.db'}").sweeps()] == ["x"]
    with pytest.raises(StoreError):
        database.backup(workspace, tmp_path / "backup.db")


def test_a_copy_has_every_row_and_waits_for_no_scheduler(workspace: Workspace, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'copy.db'}"
    with scheduler_lock(workspace.home.lock), pytest.raises(AlreadyScheduling):
        database.copy(workspace, url)
    rows = database.copy(workspace, url)
    assert rows > len(planned().plan.all_runs)
    assert len(Store(url).runs_of(1)) == len(planned().plan.all_runs)


def test_what_is_not_a_url_is_no_place_for_a_copy(workspace: Workspace) -> None:
    with pytest.raises(StoreError, match="the URL of the copy is not the URL of a database, such as postgresql"):
        database.copy(workspace, "foo")
