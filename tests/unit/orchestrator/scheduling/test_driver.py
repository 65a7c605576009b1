"""One scheduler in a home, and the end of what a killed one left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from orchestrator.attempts import ProcessRecord
from orchestrator.scheduling import driver
from orchestrator.scheduling.driver import (
    AlreadyScheduling,
    alive,
    check_free,
    end_leftovers,
    machine_id,
    scheduler_lock,
)
from orchestrator.store import DriverRecord, Store
from orchestrator.store import tables as t
from tests.unit.orchestrator.store_fixtures import open_store


def record_of(pid: int, later: float = 0.0) -> ProcessRecord:
    return ProcessRecord(pid, psutil.Process(pid).create_time() + later, "name")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a child, as a driver with a worker."""
    code = "import subprocess, sys, time; subprocess.Popen(['sleep', '60']); print(flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    for each in [*psutil.Process(process.pid).children(), process] if process.poll() is None else []:
        each.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


def test_a_second_scheduler_of_a_home_is_refused_by_the_process_that_holds_it(tmp_path: Path) -> None:
    lock = tmp_path / "home" / "scheduler.lock"
    check_free(lock)
    for serves in (False, True):
        refused = pytest.raises(AlreadyScheduling, match=rf"process {os.getpid()} already schedules in .*home")
        with scheduler_lock(lock, serves=serves), refused as caught:
            check_free(lock)
        assert caught.value.serves is serves
    check_free(lock)


def test_a_machine_without_linux_names_goes_by_its_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine_id() == machine_id() and len(machine_id()) <= 64
    monkeypatch.setattr(driver, "BOOT_ID", Path("/nowhere"))
    assert machine_id() == str(int(psutil.boot_time()))


def test_a_driver_is_alive_while_its_own_process_is_that_which_was_recorded(
    sleeper: subprocess.Popen[bytes],
) -> None:
    def driver_of(*processes: ProcessRecord) -> DriverRecord:
        return DriverRecord(1, "boot", processes, "", "host")

    assert alive(driver_of(record_of(sleeper.pid)))
    assert not alive(driver_of(record_of(sleeper.pid, 0.02))), "the id is another process's by now"
    assert not alive(driver_of())
    assert not alive(driver_of(record_of(os.getpid()))), "it is this one that asks"


def test_what_a_killed_driver_of_this_boot_left_is_ended_with_its_children_and_its_folder(
    store: Store, sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    (child,) = psutil.Process(sleeper.pid).children()
    left = tmp_path / "isoflop-ray-x"
    left.mkdir()
    store.start_driver(machine_id(), [record_of(os.getpid()), record_of(sleeper.pid)], str(left))
    own = store.start_driver(machine_id(), [], str(tmp_path))
    assert end_leftovers(store, own) == 1
    assert sleeper.poll() is not None and not (child.is_running() and child.status() != psutil.STATUS_ZOMBIE)
    assert not left.exists() and tmp_path.exists()
    assert [driver.id for driver in store.unended_drivers()] == [own]


def test_processes_of_another_boot_or_with_another_creation_time_are_left_alone(
    store: Store, sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    store.start_driver("another boot", [record_of(sleeper.pid)], str(precious))
    with store.writing() as db:
        db.execute(sa.update(t.scheduler).values(expires_at=0.0))
    store.start_driver(machine_id(), [record_of(sleeper.pid, 1.0)], "")
    own = store.start_driver(machine_id(), [record_of(sleeper.pid)], "")
    assert end_leftovers(store, own) == 0
    assert sleeper.poll() is None and precious.exists()
    assert [driver.id for driver in store.unended_drivers()] == [own]
