"""Every rule finds the row that breaks it, and a history without damage breaks none."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from orchestrator.attempts import Outcome
from orchestrator.states import Cause
from orchestrator.store import Store
from orchestrator.store.contradictions import Contradiction, contradictions
from tests.unit.orchestrator.store_fixtures import claim, end_attempt, new_run, open_store, result, sweep_record


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """run0 is done, run1 in training, run2 waits."""
    opened = open_store(tmp_path)
    opened.submit(sweep_record(), [new_run(0), new_run(1), new_run(2)])
    driver = opened.start_driver("boot", [], "")
    claim(opened, "run0", 0, driver, "w")
    end_attempt(opened, "run0", 1, Outcome(Cause.DONE, result(3.0)))
    claim(opened, "run1", 0, driver, "w")
    return opened


def test_a_history_without_damage_has_none(store: Store) -> None:
    assert contradictions(store) == []


@pytest.mark.parametrize(
    ("damage", "subject", "finding"),
    [
        ("UPDATE runs SET loss = NULL WHERE id = 'run0'", "run0", "done without a loss"),
        ("UPDATE runs SET loss = 2.5 WHERE id = 'run0'", "run0", "its loss is not that of its result"),
        ("UPDATE attempts SET ended_at = 1 WHERE run_id = 'run1'", "run1", "running, and no attempt of it is open"),
        ("UPDATE runs SET state = 'queued' WHERE id = 'run1'", "run1", "not running, and an attempt of it is open"),
        ("UPDATE runs SET fence = 7 WHERE id = 'run0'", "run0", "its number of attempts is not that of its latest attempt"),
        ("DELETE FROM sweep_runs WHERE run_id = 'run2'", "run2", "in no sweep"),
        ("UPDATE charges SET settled_at = NULL WHERE run_id = 'run0'", "run0", "ended, and something is still reserved for it"),
        ("INSERT INTO charges (run_id, sweep_id, user, flops, seconds) VALUES ('run2', 1, '', 1, 1)", "run2", "reserved for more than once"),
        ("INSERT INTO sweep_runs VALUES (1, 'ghost', 9, 'grid', '{}')", "ghost", "named in sweep_runs, and there is no such run"),
        ("UPDATE charges SET sweep_id = 44 WHERE run_id = 'run2'", "sweep 44", "named in charges, and there is no such sweep"),
    ],
)  # fmt: skip
def test_each_rule_finds_its_row(store: Store, damage: str, subject: str, finding: str) -> None:
    assert store.file is not None
    with contextlib.closing(sqlite3.connect(store.file)) as db:  # which does not look at foreign keys
        db.execute(damage)
        db.commit()
    assert contradictions(store) == [Contradiction(subject, finding)]
