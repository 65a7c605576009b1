"""Stores for the tests of this folder: the same suite over SQLite and PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.store import Store
from tests.unit.orchestrator.store_fixtures import DATABASES, empty, new_database, open_store, postgresql_server


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with postgresql_server() as url:
        yield url


@pytest.fixture(scope="session")
def shared(server: str) -> Iterator[Store]:
    """One PostgreSQL database for all tests that do not open one themselves: making one takes half a second."""
    opened = Store(new_database(server))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite file with today's schema, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    open_store(folder).close()
    return folder / "test.db"


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that does not exist yet, or is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return new_database(request.getfixturevalue("server"))


@pytest.fixture(params=DATABASES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    if request.param == "postgresql":
        yield empty(request.getfixturevalue("shared"))
        return
    shutil.copy(request.getfixturevalue("migrated"), tmp_path / "test.db")
    opened = open_store(tmp_path)
    yield opened
    opened.close()
