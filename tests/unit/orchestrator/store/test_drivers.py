"""Drivers in the store: one scheduler a database, its lease, and what dead ones left."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from orchestrator.attempts import LEASE_SECONDS, ProcessRecord
from orchestrator.store import (
    LeaseHeld,
    LeaseLost,
    Store,
)
from tests.unit.orchestrator.store_fixtures import (
    claim,
    new_run,
    open_store,
    sweep_record,
)


def test_one_scheduler_a_database(store: Store) -> None:
    first = store.start_driver("here", [ProcessRecord(1, 0.0, "a")], "", alive=lambda _: True)
    with pytest.raises(LeaseHeld, match=r"process 1 .* already schedules"):
        store.start_driver("here", [ProcessRecord(2, 0.0, "b")], "", alive=lambda _: True)
    store.end_driver(first)
    assert store.start_driver("here", [], "", alive=lambda _: True) > first


def test_a_dead_holder_of_this_machine_loses_the_lease_at_once_and_is_fenced(store: Store) -> None:
    store.submit(sweep_record(), [new_run(0)])
    old = store.start_driver("here", [ProcessRecord(1, 0.0, "a")], "")
    new = store.start_driver("here", [], "", alive=lambda _: False)
    with pytest.raises(LeaseLost):
        store.renew_lease(old)
    with pytest.raises(LeaseLost):
        claim(store, "run0", 0, old, "w")
    assert claim(store, "run0", 0, new, "w") == 1


def test_a_holder_of_another_machine_keeps_the_lease_until_it_expires(url: str) -> None:
    now = [1e9]
    store = Store(url, clock=lambda: now[0])
    there = store.start_driver("there", [], "")
    now[0] += LEASE_SECONDS - 1
    with pytest.raises(LeaseHeld, match="lease ends in 1 s"):
        store.start_driver("here", [], "")
    store.renew_lease(there)
    now[0] += LEASE_SECONDS - 1
    with pytest.raises(LeaseHeld):
        store.start_driver("here", [], "")
    now[0] += 2
    store.start_driver("here", [], "")
    store.close()


def test_what_a_dead_driver_left_is_found_until_it_is_ended(store: Store) -> None:
    processes = [ProcessRecord(1, 0.5, "driver"), ProcessRecord(2, 0.75, "ray")]
    dead = store.start_driver("here", processes[:1], "/tmp/a")
    store.update_driver(dead, processes, "/tmp/b")
    new = store.start_driver("here", [], "")
    (left, own) = store.unended_drivers()
    assert (left.id, left.boot_id, left.processes, left.folder) == (dead, "here", tuple(processes), "/tmp/b")
    assert left.host == platform.node() and own.id == new
    store.end_driver(dead)
    assert [driver.id for driver in store.unended_drivers()] == [new]
    store.renew_lease(new)
    store.end_driver(new)
    with pytest.raises(LeaseLost):
        store.renew_lease(new)


def test_each_database_has_an_identity_of_its_own(tmp_path: Path) -> None:
    names = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        opened = open_store(tmp_path / name)
        names.append(opened.identity())
        opened.close()
    assert len(set(names)) == 2 and all(names)
