"""SQLite files: odd names, readers that change nothing, damage, backups."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.store import Damaged, Store, StoreError, Unavailable, sqlite_file
from tests.conftest import ROOT
from tests.unit.orchestrator.store_fixtures import new_run, open_store, sweep_record

ODD = st.text(alphabet="ab ?#%&=;:'\"\\~*[]{}$@+,!\n\té日😀", min_size=1, max_size=12).map(lambda s: f"~{s}%2F?mode=ro")
"""Names of folders that mean something in a URL, a shell or a glob."""
DAMAGES = {
    "zeroes": lambda size: b"\0" * size,
    "noise": lambda size: bytes((7 * i + 13) % 251 for i in range(size)),
}


def filled(folder: Path, runs: int = 60) -> Path:
    """A closed database with some pages of rows."""
    folder.mkdir(parents=True, exist_ok=True)
    store = open_store(folder)
    store.submit(sweep_record(), [new_run(i) for i in range(runs)])
    store.close()
    return folder / "test.db"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=ODD)
def test_a_database_is_inside_its_folder_whatever_that_is_called(tmp_path: Path, migrated: Path, name: str) -> None:
    folder = tmp_path / "homes" / name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(migrated, folder / "isoflop.db")
    before = names(tmp_path / "homes")
    store = Store(folder / "isoflop.db")
    store.submit(sweep_record(), [new_run(0)])
    store.close()
    assert [run.id for run in Store(folder / "isoflop.db", reading=True).runs_of(1)] == ["run0"]
    assert names(folder) == {"isoflop.db"} and names(tmp_path / "homes") == before
    assert names(tmp_path) == {"homes"}


def test_a_new_database_is_its_owners_alone_and_whole_at_once(tmp_path: Path) -> None:
    sqlite_file.create(tmp_path / "new.db")
    assert stat.S_IMODE((tmp_path / "new.db").stat().st_mode) == 0o600
    assert (tmp_path / "new.db").read_bytes().startswith(sqlite_file.HEADER)
    content = filled(tmp_path / "other").read_bytes()
    (tmp_path / "new.db").write_bytes(content)
    sqlite_file.create(tmp_path / "new.db")
    assert (tmp_path / "new.db").read_bytes() == content, "another process was first"
    assert names(tmp_path) == {"new.db", "other"}


def test_processes_that_open_a_new_home_together_share_one_database(tmp_path: Path) -> None:
    stores: list[Store] = []
    threads = [threading.Thread(target=lambda: stores.append(open_store(tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({store.identity() for store in stores}) == 1 and len(stores) == 4
    for store in stores:
        store.close()


# reading


def test_reading_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = filled(tmp_path)
    before = path.read_bytes(), path.stat().st_mtime_ns
    store = Store(path, reading=True)
    assert len(store.runs_of(1)) == 60 and store.sweep("demo").name == "demo"
    with pytest.raises(Unavailable, match="readonly"):
        store.hold(1, "paused")  # type: ignore[arg-type]
    store.close()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before and names(tmp_path) == {"test.db"}


def test_a_reader_sees_what_a_writer_has_just_stored(tmp_path: Path) -> None:
    path = filled(tmp_path)
    reader = Store(path, reading=True)
    assert len(reader.sweeps()) == 1
    writer = open_store(tmp_path)
    writer.submit(sweep_record("second"), [])
    assert len(reader.sweeps()) == 2, "although it was opened before anybody wrote"
    writer.close()
    assert len(reader.sweeps()) == 2


def test_what_is_written_in_the_middle_of_a_reading_is_no_answer(tmp_path: Path) -> None:
    path = filled(tmp_path)
    reader = Store(path, reading=True)
    with pytest.raises(Unavailable, match="was written while it was read"), reader.reading():
        writer = open_store(tmp_path)
        writer.submit(sweep_record("second"), [])
        writer.close()  # the log goes into the file, which was read without a lock


def test_a_log_that_a_kill_left_is_read_from_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    """Without the index beside it, which SQLite may not make there, a copy is read."""
    writer = open_store(tmp_path)
    writer.submit(sweep_record(), [new_run(0)])
    left = tmp_path / "left"
    left.mkdir()
    for name in ("test.db", "test.db-wal"):
        shutil.copy(tmp_path / name, left / name)
    writer.close()
    assert as_reader(
        f"print([r.id for r in Store(Path({str(left / 'test.db')!r}), reading=True).runs_of(1)])", left
    ) == ("['run0']")
    assert names(left) == {"test.db", "test.db-wal"}


@pytest.mark.parametrize("live", [False, True])
def test_a_folder_that_may_only_be_read_is_read(tmp_path: Path, live: bool) -> None:
    path = filled(tmp_path / "home")
    writer = open_store(tmp_path / "home") if live else None
    if writer:
        writer.submit(sweep_record("second"), [])
    before = names(path.parent)
    found = as_reader(f"print(sorted(s.name for s in Store(Path({str(path)!r}), reading=True).sweeps()))", path.parent)
    assert found == ("['demo', 'second']" if live else "['demo']")
    assert names(path.parent) == before
    if writer:
        writer.close()


def as_reader(code: str, folder: Path) -> str:
    """Run code as a process that may read `folder` and not write it, whoever runs the tests."""
    for path in [folder, *folder.iterdir()]:
        path.chmod(path.stat().st_mode & ~0o222)
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"] if os.geteuid() == 0 else []
    program = "from pathlib import Path\nfrom orchestrator.store import Store\n" + code
    try:
        done = subprocess.run(
            [*drop, sys.executable, "-c", program],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        for path in [folder, *folder.iterdir()]:
            path.chmod(path.stat().st_mode | 0o200)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


# damage


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("reading", [True, False])
def test_damaged_pages_give_no_answer(tmp_path: Path, damage: str, reading: bool) -> None:
    path = filled(tmp_path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(DAMAGES[damage](3 * 4096))
    with pytest.raises(Damaged, match=r"test\.db is damaged: .*Move it .* put a backup in its place"):
        Store(path, reading=reading)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "it is empty"), (b"SQLite format 3?" * 300, "no SQLite database")]
)
def test_what_is_no_database_is_not_made_one(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "test.db").write_bytes(content)
    with pytest.raises(Damaged, match=reason):
        open_store(tmp_path)
    assert (tmp_path / "test.db").read_bytes() == content and names(tmp_path) == {"test.db"}


def test_a_database_that_lost_its_end_is_damaged(tmp_path: Path) -> None:
    path = filled(tmp_path)
    os.truncate(path, path.stat().st_size - 3 * 4096)
    with pytest.raises(Damaged):
        open_store(tmp_path)


def test_damage_that_comes_later_is_found_by_the_next_question(tmp_path: Path) -> None:
    path = filled(tmp_path)
    store = Store(path, reading=True)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(Damaged, match=r"test\.db is damaged"):
        store.runs_of(1)


def test_a_large_file_is_not_checked_whenever_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = filled(tmp_path)
    checked: list[Path] = []
    monkeypatch.setattr("orchestrator.store.database.check", lambda path, **_: checked.append(path))
    monkeypatch.setattr(sqlite_file, "CHEAP_BYTES", path.stat().st_size)
    Store(path, reading=True)
    assert checked == [path]
    monkeypatch.setattr(sqlite_file, "CHEAP_BYTES", path.stat().st_size - 1)
    Store(path, reading=True)
    assert checked == [path]


def test_an_index_that_lacks_a_row_is_found_by_the_thorough_check_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE a (b INTEGER, c TEXT)")
        db.execute("CREATE INDEX i ON a (b)")
        db.execute("INSERT INTO a VALUES (1, 'x'), (2, 'y')")
        db.execute("PRAGMA writable_schema=ON")
        db.execute("UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON a (c)' WHERE name = 'i'")
        db.commit()
    sqlite_file.check_file(path)
    with pytest.raises(Damaged):
        sqlite_file.check_file(path, thorough=True)


# backups


def test_a_backup_is_its_owners_alone_and_whole(tmp_path: Path) -> None:
    path = filled(tmp_path)
    sqlite_file.backup(path, tmp_path / "backup.db")
    assert stat.S_IMODE((tmp_path / "backup.db").stat().st_mode) == 0o600
    assert len(Store(tmp_path / "backup.db", reading=True).runs_of(1)) == 60
    assert names(tmp_path) == {"test.db", "backup.db"}


def test_a_backup_of_a_database_in_use_has_what_was_stored_last(tmp_path: Path) -> None:
    writer = open_store(tmp_path)
    writer.submit(sweep_record(), [new_run(0)])
    sqlite_file.backup(tmp_path / "test.db", tmp_path / "backup.db")
    writer.close()
    assert [run.id for run in Store(tmp_path / "backup.db", reading=True).runs_of(1)] == ["run0"]


def test_nothing_stays_of_a_backup_of_damaged_pages(tmp_path: Path) -> None:
    path = filled(tmp_path)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xff" * 8192)
    with pytest.raises(Damaged):
        sqlite_file.backup(path, tmp_path / "backup.db")
    assert names(tmp_path) == {"test.db"}


def test_a_backup_that_lacks_rows_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = filled(tmp_path)
    counts = iter([{"runs": 60}, {"runs": 61}, {"runs": 59}])
    monkeypatch.setattr(sqlite_file, "_rows", lambda _connection: next(counts))
    with pytest.raises(StoreError, match=r"backup\.db lacks rows of runs: it was deleted"):
        sqlite_file.backup(path, tmp_path / "backup.db")
    assert names(tmp_path) == {"test.db"}


def test_rows_that_come_while_it_is_made_are_no_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = filled(tmp_path)
    counts = iter([{"runs": 60}, {"runs": 62}, {"runs": 61}])
    monkeypatch.setattr(sqlite_file, "_rows", lambda _connection: next(counts))
    sqlite_file.backup(path, tmp_path / "backup.db")
    assert names(tmp_path) == {"test.db", "backup.db"}
