"""The database under a library: its transactions, and in words what it refuses."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from egma_core.errors import MissingExtraError, StoreError
from egma_core.store.sqlite_file import APPLICATION_ID, BUSY_MS, connect, dbapi, merges_its_log

_SUFFIXES = (".sqlite", ".sqlite3", ".db")

_WORDS = (
    (("disk is full", "disk full"), "The library {0} cannot grow: the disk is full.", "Free some space, then try again."),
    (("locked", "busy"), "The library {0} is held by another program.", "Close that program, or try again in a moment."),
    (("not a database",), "The file {0} is not a library.", "Choose another file, or restore a backup copy."),
    (("malformed", "corrupt"), "The library {0} is damaged.", "Restore a backup copy, or run 'egma doctor' on it."),
    (("readonly", "read-only"), "The library {0} is open for reading only.", "Open it for writing, and check the file's permissions."),
    (("unable to open",), "The library {0} cannot be opened.", "Check that its folder exists and may be written to."),
    (("refused", "could not connect", "connection failed"), "The server of the library {0} does not answer.", "Check its address."),
    (("raw rows are never updated",), "A recorded row of the library {0} was about to be changed.", "Raw rows are written once."),
)

_SCRUB_LATER = "The rows are deleted and overwritten, but its log may still hold them: close every other program that has it open."


@dataclass(frozen=True)
class Address:
    """Where a library is.

    Attributes:
        name: What people call it: the file, or the URL without its password.
        path: The SQLite file, or None for a server.
        url: The server's URL, or None for a file.
        files: Folder of the library's films.
    """

    name: str
    path: Path | None
    url: URL | None
    files: Path

    @classmethod
    def of(cls, location: str | Path) -> Address:
        """Read a path or a SQLAlchemy URL.

        Raises:
            StoreError: The URL is malformed, of another kind of server, or lacks the folder for films.
        """
        if isinstance(location, Path) or "://" not in location:
            return cls._of_file(Path(location))
        try:
            url = make_url(location)
        except ArgumentError as error:
            raise StoreError(
                "The library's URL cannot be read.", "It looks like postgresql+psycopg://user@host/name?egma_files=FOLDER."
            ) from error
        kind = url.get_backend_name()
        if kind == "sqlite" and url.database:
            return cls._of_file(Path(url.database))
        name = url.render_as_string(hide_password=True)
        if kind != "postgresql":
            raise StoreError(f"A library cannot be kept in {kind}.", "Use an SQLite file or a PostgreSQL server.")
        files = url.query.get("egma_files")
        if not isinstance(files, str):
            raise StoreError(f"The URL {name} does not say where films are kept.", "Add ?egma_files=FOLDER to it.")
        return cls(name, None, url.difference_update_query(["egma_files"]), Path(files).absolute())

    @classmethod
    def _of_file(cls, path: Path) -> Address:
        path = path.expanduser().absolute()
        name = path.stem if path.suffix.lower() in _SUFFIXES else path.name
        return cls(str(path), path, None, path.with_name(f"{name}.files"))


class Database:
    """The engine of one library; safe to use from several threads."""

    def __init__(self, address: Address, *, read_only: bool) -> None:
        """Prepare to connect to `address`; nothing is opened yet."""
        self.address = address
        self.read_only = read_only
        self._engine = _sqlite_engine(address.path, read_only) if address.path else _server_engine(address, read_only)
        self._writer = self._engine.execution_options(egma_begin="BEGIN IMMEDIATE")

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Generator[Connection, None, None]:
        """One consistent view of the library.

        Raises:
            StoreError: The library cannot be read.
        """
        with self.in_words(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, patience_s: float | None = None) -> Generator[Connection, None, None]:
        """One transaction: durable when this ends without an error, undone otherwise.

        Args:
            patience_s: How long to wait for another program that writes; by default `BUSY_MS`.

        Raises:
            StoreError: The library cannot be written.
        """
        if self.read_only:
            raise StoreError(f"The library {self.address.name} is open for reading only.", "Open it for writing.")
        with self.in_words(), self._writer.connect() as connection, self._patience(connection, patience_s), connection.begin():
            yield connection

    @contextmanager
    def _patience(self, connection: Connection, seconds: float | None) -> Generator[None, None, None]:
        """Wait for another program no longer than that; a server waits as it is told to."""
        if seconds is None or self.address.path is None:
            yield
            return
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA busy_timeout={round(1000 * seconds)}")
        try:
            yield
        finally:
            driver.execute(f"PRAGMA busy_timeout={BUSY_MS}")

    @contextmanager
    def migration(self) -> Generator[Connection, None, None]:
        """One transaction in which tables may be rebuilt; nobody else writes meanwhile.

        Raises:
            StoreError: The library cannot be written, or would end with rows that point nowhere.
        """
        with self.in_words(), self._writer.connect() as connection:
            if self.address.path is None:
                with connection.begin():
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({APPLICATION_ID})")
                    yield connection
                return
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA foreign_keys=OFF")  # has no effect inside a transaction
            try:
                with connection.begin():
                    yield connection
                    if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                        raise StoreError(
                            f"The library {self.address.name} cannot be brought up to date: rows are missing.", "Nothing was changed."
                        )
            finally:
                driver.execute("PRAGMA foreign_keys=ON")

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy of the library's file, complete or not at all.

        Raises:
            StoreError: There is no room for it, or its folder cannot be written.
        """
        part = target.with_name(f"{target.name}.part")
        part.unlink(missing_ok=True)
        try:
            with self.in_words(), self._engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                try:
                    driver.execute("VACUUM INTO ?", (str(part),))  # not possible inside a transaction
                except self._engine.dialect.loaded_dbapi.Error as error:
                    raise StoreError(
                        f"The library {self.address.name} cannot be copied to {target} ({error}).", "Free some space first."
                    ) from error
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def merge_log(self) -> None:
        """Bring the write-ahead log into the file where SQLite must not do so by itself; for the one process that records.

        Raises:
            StoreError: The file cannot be written.
        """
        if self.address.path and not merges_its_log():
            with self.in_words(), self._engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def scrub(self) -> None:
        """Leave nothing of deleted rows in the file's free pages nor in its log; a server's pages are its administrator's.

        Raises:
            StoreError: There is no room to rewrite the file, or another program is reading it.
        """
        if self.address.path is None:
            return
        with self.in_words(), self._engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            try:
                driver.execute("PRAGMA temp_store=FILE")  # the copy that VACUUM makes may be larger than the memory
                driver.execute("VACUUM")
                busy, *_ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except self._engine.dialect.loaded_dbapi.Error as error:
                raise StoreError(f"The library {self.address.name} cannot be rewritten ({error}).", _SCRUB_LATER) from error
            finally:
                driver.execute("PRAGMA temp_store=MEMORY")
        if busy:
            raise StoreError(f"Another program is reading the library {self.address.name}.", _SCRUB_LATER)

    @contextmanager
    def in_words(self) -> Generator[None, None, None]:
        """Turn the database's errors into `StoreError`."""
        try:
            yield
        except SQLAlchemyError as error:
            raise self._explained(error) from error

    def _explained(self, error: SQLAlchemyError) -> StoreError:
        name = self.address.name
        text = str(error.orig if isinstance(error, DBAPIError) else error)
        for fragments, what, remedy in _WORDS:
            if any(fragment in text.lower() for fragment in fragments):
                return StoreError(what.format(name), remedy)
        if isinstance(error, IntegrityError):
            return StoreError(f"The library {name} refused a row that contradicts what it holds ({text}).", "Nothing was stored.")
        return StoreError(f"The library {name} cannot be used: {text.splitlines()[0] if text else type(error).__name__}.", "")


def _sqlite_engine(path: Path, read_only: bool) -> Engine:
    def opened() -> Any:
        return connect(path, read_only)

    engine = create_engine("sqlite://", creator=opened, module=dbapi(), poolclass=QueuePool, pool_size=4, max_overflow=12)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]  # called by the event
        connection.exec_driver_sql(connection.get_execution_options().get("egma_begin", "BEGIN"))

    return engine


def _server_engine(address: Address, read_only: bool) -> Engine:
    assert address.url is not None
    options = {"options": "-c default_transaction_read_only=on"} if read_only else {}
    try:
        return create_engine(address.url, connect_args=options, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise MissingExtraError("A library on a PostgreSQL server", "postgresql") from error
    except NoSuchModuleError as error:
        raise StoreError(f"The URL {address.name} names a driver that SQLAlchemy does not know.", "Use postgresql+psycopg://.") from error
