"""A service's measures: taken from its parts, and a database that is away is one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.attempts import Staff
from orchestrator.states import RunState
from orchestrator.store import Unavailable
from orchestrator.tracking.backlog import Backlog
from orchestrator.use_cases import measures
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.measures import measure, missing
from tests.unit.orchestrator.use_cases.homes import small_home


def test_a_database_that_is_away_is_a_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = small_home(tmp_path)
    background = Background(Execution(workspace))
    found = measure(workspace, background)
    assert (found.scheduling, found.staff, found.backlog) == (False, Staff(0, 0), Backlog(0, 0.0))
    assert found.gauges is not None and found.gauges.runs[RunState.DONE] == 1
    assert 0 < found.read_seconds < 60
    assert missing(workspace, background) == ["scheduler"]

    def fail(_store: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(measures, "gauges", fail)
    assert measure(workspace, background).gauges is None
