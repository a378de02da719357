"""What of a library is sound: the database's own checks, and the sequence and checksum of every chunk."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from egma_core.errors import StoreError
from egma_core.store import raw, tables
from egma_core.store.database import Database
from egma_core.store.values import Health, ReadingHealth


def check(database: Database) -> Health:
    """Read everything and judge it."""
    try:
        with database.read() as connection:
            return Health(_integrity(connection), _readings(connection))
    except StoreError as error:
        return Health(error.what, ())


def _readings(connection: Connection) -> tuple[ReadingHealth, ...]:
    latest = raw.latest(connection)
    reading = tables.reading.c
    rows = connection.execute(select(reading.id, reading.state, reading.started_ns, reading.n_chunks).order_by(reading.id)).all()
    return tuple(_reading_health(connection, row, latest.get(row.id) or row.started_ns) for row in rows)


def _integrity(connection: Connection) -> str:
    if connection.dialect.name != "sqlite":
        return "ok"  # a server checks its own pages
    found = [str(line) for (line,) in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    found += [f"row {orphan[1]} of {orphan[0]} points nowhere" for orphan in orphans[:20]]
    return "; ".join(line for line in found if line != "ok") or "ok"


def _reading_health(connection: Connection, row: Any, last_durable_ns: int) -> ReadingHealth:
    chunk = tables.gaze_chunk.c
    n_samples = n_intact = n_seen = 0
    last_seq = -1
    chunks = connection.execute(
        select(tables.gaze_chunk).where(chunk.reading_id == row.id).order_by(chunk.seq).execution_options(yield_per=256)
    )
    for found in chunks:
        n_seen, last_seq = n_seen + 1, found.seq
        if raw.intact(found):
            n_intact, n_samples = n_intact + 1, n_samples + found.n
    n_expected = max(last_seq + 1, row.n_chunks or 0)
    return ReadingHealth(row.id, row.state, n_samples, n_expected - n_intact, last_durable_ns)
