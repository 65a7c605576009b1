"""A database is held against its pages, its rows, its datasets and what attempts logged."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cluster.attempt_log import EventLog, attempt_log
from orchestrator.store import Damaged
from orchestrator.use_cases.checking import checked
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.use_cases.homes import finish, small_home


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """All runs have ended, so that no dataset is needed."""
    opened = small_home(tmp_path)
    finish(opened, "run2")
    return opened


def logged(workspace: Workspace, loss: float) -> None:
    log = EventLog(attempt_log(workspace.home.runs, "run0", 1))
    result = {"loss": loss, "bits_per_byte": loss / 2, "train_seconds": 1.5}
    log.append({"kind": "result", "elapsed": 1.0, "result": result, "device": "some CPU"})
    log.close()


def test_logs_that_are_gone_or_say_the_same_contradict_nothing(workspace: Workspace) -> None:
    assert list(checked(workspace)) == []
    logged(workspace, 3.0)
    assert list(checked(workspace)) == []


def test_a_loss_that_the_attempt_did_not_log_is_found(workspace: Workspace) -> None:
    logged(workspace, 2.25)
    (found,) = checked(workspace)
    assert (found.subject, found.finding) == ("run0", "its loss is 3, and attempt 1 logged 2.25")


def test_a_sweep_that_is_not_ended_needs_its_dataset(tmp_path: Path) -> None:
    found = list(checked(small_home(tmp_path)))
    assert [each.subject for each in found] == ["demo@bbbb"]
    assert found[0].finding.startswith("it is not ended, and its dataset cannot be read: ")


def test_a_damaged_page_ends_the_check(workspace: Workspace) -> None:
    assert workspace.store.file is not None
    workspace.store.close()
    content = bytearray(workspace.store.file.read_bytes())
    content[4096:20480] = bytes(16384)
    workspace.store.file.write_bytes(content)
    with pytest.raises(Damaged):
        list(checked(workspace))
