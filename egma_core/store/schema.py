"""Bringing a library's schema to this version of the program: by migrations only, after a copy, and never backward."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, inspect, select

from egma_core.errors import StoreError
from egma_core.store import tables
from egma_core.store.database import Database

MIGRATIONS = Path(__file__).resolve().parent / "migrations"


def program_version() -> str:
    """The installed version of this program."""
    return metadata.version("egma")


def prepare(database: Database, *, create: bool) -> str:
    """Make or upgrade the schema where needed and return the library's id.

    Args:
        database: The library's database; its file, if it is one, may be new and empty.
        create: Whether an empty database becomes a library.

    Raises:
        StoreError: It is no library, was made by a newer program, or is older and open for reading only.
    """
    name = database.address.name
    with database.read() as connection:
        revision = _revision(connection)
        if revision is None and inspect(connection).get_table_names():
            raise StoreError(f"{name} is a database, but not a library of this program.", "Choose another one.")
        if revision is None and not create:
            raise StoreError(f"There is no library in {name} yet; perhaps making it was interrupted.", "Make it, at the same place.")
    if revision != tables.HEAD:
        if revision is not None and revision not in _known_revisions():
            raise StoreError(f"The library {name} was made by a newer version of this program.", "Install that version to open it.")
        if database.read_only:
            raise StoreError(
                f"The library {name} was made by an older version of this program.", "Open it once for writing to bring it up to date."
            )
        if revision is not None:
            _copy_before_upgrade(database, revision)
        _upgrade(database)
    with database.read() as connection:
        return connection.execute(select(tables.library.c.uid)).scalar_one()


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()


def _config(connection: Connection | None = None) -> Any:
    from alembic.config import Config  # 0.3 s that an up-to-date library need not spend

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _known_revisions() -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _upgrade(database: Database) -> None:
    """Run the missing migrations in one transaction; somebody else's upgrade that came first is respected."""
    from alembic import command

    with database.migration() as connection:
        if _revision(connection) == tables.HEAD:
            return
        command.upgrade(_config(connection), "head")
        if connection.execute(select(tables.library.c.id)).first() is None:
            about = {"uid": uuid.uuid4().hex, "created_utc": datetime.now(timezone.utc), "program_version": program_version()}
            connection.execute(insert(tables.library), about)


def _copy_before_upgrade(database: Database, revision: str) -> None:
    """Keep the file as it was beside the library; a server's copies are its administrator's."""
    path = database.address.path
    if path is None:
        return
    database.copy_to(path.with_name(f"{path.stem}.before-upgrade-from-{revision}{path.suffix}"))
