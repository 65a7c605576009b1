"""A SQLite file: made whole and private, checked for damage, and opened to write or only to read."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from orchestrator.store.errors import Damaged, StoreError

WAIT_SECONDS = 10
"""Longest wait for another writer."""
CHEAP_BYTES = 64 * 2**20
"""Largest file whose structure is checked whenever it is opened: that takes up to some tenths of a second."""
HEADER = b"SQLite format 3\0"
"""How every SQLite file begins."""


def wal_of(path: Path) -> Path:
    """The write-ahead log beside a database, which holds what is not in the file yet."""
    return path.with_name(f"{path.name}-wal")


def create(path: Path) -> None:
    """Make an empty database that only its owner may read; another process may do the same at the same time.

    It appears under its name with its first page, so that an empty file is always one that lost its content.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}")
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".new")
    os.close(descriptor)
    made = Path(name)
    try:
        with contextlib.closing(_connect(made, "rw")) as db:
            db.execute("PRAGMA journal_mode=WAL")
        with contextlib.suppress(FileExistsError):
            _give_name(made, path)
    finally:
        made.unlink(missing_ok=True)


def _give_name(made: Path, path: Path) -> None:
    """Put a file under its name without replacing another. Raises FileExistsError."""
    try:
        os.link(made, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(path) from None
        made.rename(path)


def check_readable(path: Path) -> None:
    """Refuse what is no SQLite file, before SQLite would make one of it. Raises StoreError, Damaged, OSError."""
    with path.open("rb") as file:
        start = file.read(len(HEADER))
    if not start:
        raise Damaged(path, "it is empty")
    if start != HEADER:
        raise Damaged(path, "it is no SQLite database")


CORRUPT = ("malformed", "not a database")
"""How SQLite says that a file is damaged; the driver has no type of error for it."""


@contextlib.contextmanager
def damage_of(path: Path) -> Iterator[None]:
    """Turn SQLite's word that a file is damaged into Damaged."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if any(sign in str(error) for sign in CORRUPT):
            raise Damaged(path, str(error)) from error
        raise


def open_to_write(path: Path) -> sqlite3.Connection:
    """A connection that writes durably and can be read meanwhile; SQLAlchemy opens its transactions."""
    connection = _connect(path, "rw")
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def open_to_watch(path: Path) -> sqlite3.Connection:
    """A connection that only sees whether others write, and waits for nobody."""
    return _connect(path, "rw", seconds=0.0)


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that writes nothing, neither to the database nor beside it."""
    if not wal_of(path).exists():  # nobody writes: all there is is in the file
        return _read_only(path, "ro&immutable=1")
    try:
        return _read_only(path, "ro")
    except sqlite3.OperationalError:
        # Left by a kill, in a folder where SQLite may not make the index of the log that it needs.
        return _open_copy(path)


def _read_only(path: Path, mode: str) -> sqlite3.Connection:
    """A connection that has read already: SQLite opens nothing before."""
    connection = _connect(path, mode)
    try:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _open_copy(path: Path) -> sqlite3.Connection:
    """A connection to a copy of the database with its log; the copy is gone when the connection is closed."""
    with tempfile.TemporaryDirectory(prefix="isoflop-read-") as folder:
        copy = Path(folder) / "copy.db"
        shutil.copyfile(path, copy)
        shutil.copyfile(wal_of(path), wal_of(copy))
        return _read_only(copy, "rw")


def _connect(path: Path, mode: str, seconds: float = WAIT_SECONDS) -> sqlite3.Connection:
    """Connect by a URI, made by the library: no character of the path means anything else."""
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}", uri=True, timeout=seconds, isolation_level=None, check_same_thread=False
    )


def check_structure(connection: sqlite3.Connection, path: Path, *, thorough: bool = False) -> None:
    """Check that the pages of a database hold together, with their indexes if `thorough`. Raises Damaged."""
    (found,) = connection.execute(f"PRAGMA {'integrity' if thorough else 'quick'}_check(1)").fetchone()
    if found != "ok":
        raise Damaged(path, " ".join(str(found).split()))


def check_file(path: Path, *, thorough: bool = False) -> None:
    """Check the structure of a database file. Raises Damaged."""
    with damage_of(path), contextlib.closing(open_to_read(path)) as connection:
        check_structure(connection, path, thorough=thorough)


def backup(path: Path, to: Path) -> None:
    """Write a consistent copy that only its owner may read, checked page by page; nothing stays of one that fails.

    Raises StoreError if the file exists, Damaged if the database is.
    """
    try:
        os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise StoreError(f"{to} exists already: name a new file") from None
    try:
        with damage_of(path), contextlib.closing(open_to_read(path)) as source:
            check_structure(source, path, thorough=True)
            before = _rows(source)
            with contextlib.closing(_connect(to.absolute(), "rw")) as target:
                source.backup(target)
            after = _rows(source)
        with damage_of(to), contextlib.closing(_connect(to.absolute(), "ro&immutable=1")) as written:
            check_structure(written, to, thorough=True)
            rows = _rows(written)
        wrong = [t for t, count in rows.items() if not min(before[t], after[t]) <= count <= max(before[t], after[t])]
        if rows.keys() != before.keys() or wrong:
            raise StoreError(f"the backup {to} lacks rows of {', '.join(wrong) or 'a table'}: it was deleted")
        with to.open("rb") as file:
            os.fsync(file.fileno())
    except BaseException:
        to.unlink(missing_ok=True)
        raise


def _rows(connection: sqlite3.Connection) -> dict[str, int]:
    """Number of rows of each table."""
    names = [n for (n,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {n: connection.execute(f'SELECT count(*) FROM "{n}"').fetchone()[0] for n in names}
