"""A home that is only read, shared by the tests of routes: to fit its laws takes most of their time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from orchestrator.api.app import create_app
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.api.varied import varied_home


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A home in which all runs but one of a varied sweep are done; no test may change it."""
    opened = varied_home(tmp_path_factory.mktemp("varied"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def client(workspace: Workspace) -> TestClient:
    return TestClient(create_app(workspace), base_url="http://127.0.0.1")
