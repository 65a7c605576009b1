"""The tables of the code are those that the migrations make."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from orchestrator.store import (
    Store,
)
from orchestrator.store.tables import SCHEMA, metadata
from tests.conftest import ROOT

SCHEMAS = Path(__file__).parent / "schemas"
"""Rows of each released schema but the newest."""


def test_the_migrations_make_exactly_the_tables_of_the_code(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_schema_is_that_of_the_newest_migration_and_each_has_a_fixture() -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "orchestrator" / "store" / "migrations"))
    script = ScriptDirectory.from_config(config)
    assert script.get_current_head() == SCHEMA
    older = {r.revision for r in script.walk_revisions()} - {SCHEMA}
    assert older == {path.stem for path in SCHEMAS.glob("*.sql")}
