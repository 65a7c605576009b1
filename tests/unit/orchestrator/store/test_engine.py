"""Which database a path or URL means, and an engine that only reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestrator.store import StoreError
from orchestrator.store.engine import empty_engine, make_engine, name_of, place_of
from orchestrator.store.tables import metadata
from tests.unit.orchestrator.store_fixtures import open_store


def test_a_path_is_taken_as_it_is_and_a_url_by_the_library(tmp_path: Path) -> None:
    odd = tmp_path / "a?b#c%2F" / "x.db"
    assert place_of(odd) == odd and name_of(odd) == str(odd)
    assert place_of(f"sqlite:///{tmp_path}/x.db") == tmp_path / "x.db"
    assert place_of(Path("x.db")) == Path.cwd() / "x.db"
    url = place_of("postgresql+psycopg://ann:secret@host/name")
    assert name_of(url) == "postgresql+psycopg://ann:***@host/name"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nothing://here", "unknown kind of database"),
        ("mysql+pymysql://host/name", "mysql is not supported|unknown kind"),
        ("no url", "ISOFLOP_DATABASE_URL is not the URL of a database, such as postgresql"),
        ("sqlite://", "name a SQLite file without options"),
        ("sqlite:////x/y.db?mode=ro", "name a SQLite file without options"),
    ],
)
def test_what_is_no_database_is_refused(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        place_of(url)


def test_an_engine_to_read_writes_nothing(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    engine = make_engine(tmp_path / "test.db", reading=True)
    with engine.connect() as db:
        with pytest.raises(sa.exc.OperationalError, match="readonly"):
            db.execute(sa.delete(metadata.tables["scheduler"]))
        with pytest.raises(sa.exc.OperationalError, match="readonly"):
            db.execute(sa.text("CREATE TABLE mine (a INTEGER)"))
    assert [path.name for path in tmp_path.iterdir()] == ["test.db"]


def test_postgresql_is_only_read_by_an_engine_to_read(server: str) -> None:
    engine = make_engine(sa.make_url(server), reading=True)
    with engine.connect() as db, pytest.raises(sa.exc.InternalError, match="read-only transaction"):
        db.execute(sa.text("CREATE TABLE mine (a INTEGER)"))
    engine.dispose()


def test_an_empty_database_has_every_table_and_no_row() -> None:
    with empty_engine().connect() as db:
        rows = {t.name: db.execute(sa.select(sa.func.count()).select_from(t)).scalar() for t in metadata.sorted_tables}
    assert rows.pop("scheduler") == 1
    assert set(rows.values()) == {0} and "runs" in rows
