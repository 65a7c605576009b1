"""What the store's errors are, and what a damaged file's says."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import MEANINGS
from orchestrator.store import errors
from orchestrator.store.errors import Damaged, StoreError


def test_damage_names_the_file_the_reason_and_the_remedy() -> None:
    error = Damaged(Path("/home/x.db"), "page 7 is torn")
    assert str(error).startswith(
        "the database /home/x.db is damaged: page 7 is torn. Move it and the files /home/x.db-*"
    )
    assert "isoflop db backup" in str(error)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("StoreError", "database"),
        ("Unavailable", "database-away"),
        ("Damaged", "damaged"),
        ("Rejected", "database"),
        ("StaleAttempt", "conflict"),
        ("LeaseHeld", "busy"),
        ("LeaseLost", "lease-lost"),
        ("CeilingExceeded", "ceiling"),
    ],
)
def test_each_is_a_store_error_of_its_kind(name: str, kind: str) -> None:
    error = getattr(errors, name)
    assert issubclass(error, StoreError) and error.kind == kind and kind in MEANINGS
