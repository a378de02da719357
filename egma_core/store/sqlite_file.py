"""The SQLite file of a library: recognised, made and opened in one way by every process.

It is opened with the SQLite that sqlcipher3 bundles where there is a wheel, else with Python's own. That may be old enough
to have the WAL-reset race (SQLite 3.7.0 to 3.51.2); then only the process that records merges the write-ahead log into the
file, and otherwise whoever closes it last.
"""

from __future__ import annotations

import contextlib
import importlib
import sqlite3
from pathlib import Path
from typing import Any

from egma_core.errors import StoreError

APPLICATION_ID = 0x47415A45
"""`GAZE` at byte 68 of the file: says that an SQLite file is a library."""

BUSY_MS = 5000
"""How long a write waits for another process's."""

_HEADER = b"SQLite format 3\x00"


def dbapi() -> Any:
    """The module through which SQLite is opened."""
    try:
        return importlib.import_module("sqlcipher3.dbapi2")
    except ImportError:
        return sqlite3


def sqlite_version() -> str:
    """The SQLite that libraries are opened with, and where it comes from."""
    sqlite = dbapi()
    return f"{sqlite.sqlite_version} ({sqlite.__name__.partition('.')[0]})"


def merges_its_log() -> bool:
    """Whether SQLite may checkpoint whenever it likes: not where it has the race."""
    return not (3, 7, 0) <= dbapi().sqlite_version_info < (3, 51, 3)


def connect(path: Path, read_only: bool) -> Any:
    """Open the SQLite file of a library, for use by one thread at a time; transactions are the caller's.

    Raises:
        StoreError: It lies on a drive where processes cannot share it.
    """
    connection = dbapi().connect(str(path), timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
    try:
        _configure(connection, path, read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def _configure(connection: Any, path: Path, read_only: bool) -> None:
    if not read_only:
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode != "wal":
            raise StoreError(f"The library {path} lies where SQLite cannot share it between processes.", "Keep it on a local disk.")
    checkpoint_pages = 1000 if merges_its_log() and not read_only else 0
    pragmas = [
        "synchronous=FULL",
        "foreign_keys=ON",
        f"wal_autocheckpoint={checkpoint_pages}",
        "journal_size_limit=67108864",
        "temp_store=MEMORY",
        "fullfsync=ON",  # macOS only; elsewhere without effect
        "checkpoint_fullfsync=ON",
        *(["query_only=ON"] if read_only else []),
    ]
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def check_file(path: Path) -> None:
    """Refuse early, in words, what SQLite would refuse in its own, and leave every foreign file as it is.

    Raises:
        StoreError: The file is missing or of another kind.
    """
    if path.is_dir():
        raise StoreError(f"{path} is a folder, not a library.", "Name a file, such as library.sqlite in it.")
    if not path.exists():
        raise StoreError(f"There is no library at {path}.", "Check the path, or make a library there first.")
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise StoreError(f"The library {path} cannot be read ({error.strerror}).", "Check the file's permissions.") from error
    if header[:16] != _HEADER or header[68:72] != APPLICATION_ID.to_bytes(4, "big"):
        raise StoreError(f"The file {path} is not a library.", "Choose another file, or restore a backup copy.")


def make_file(path: Path) -> None:
    """Make an SQLite file that says it is a library, if there is none or only an empty one.

    Raises:
        StoreError: Its folder is missing or cannot be written.
    """
    if not path.parent.is_dir():
        raise StoreError(f"No library can be made at {path}: its folder does not exist.", "Make the folder first, or check the path.")
    if path.is_dir() or (path.exists() and path.stat().st_size > 0):
        return
    sqlite = dbapi()
    try:
        with contextlib.closing(sqlite.connect(str(path))) as connection:
            # Before write-ahead logging is switched on, so that it stands in the file itself and not in its log.
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    except sqlite.Error as error:
        raise StoreError(f"No library can be made at {path} ({error}).", "Check that its folder may be written to.") from error
