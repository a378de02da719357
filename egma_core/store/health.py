"""What of a library is sound: the database's own checks, and the sequence and checksum of every chunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, select

from egma_core.errors import StoreError
from egma_core.store import raw, raw_tables, tables
from egma_core.store.chunks import intact
from egma_core.store.database import Database
from egma_core.store.values import Health, ReadingHealth


def check(database: Database) -> Health:
    """Read everything and judge it."""
    try:
        with database.read() as connection:
            return Health(_integrity(connection), _readings(connection))
    except StoreError as error:
        return Health(error.what, ())


def reading_health(connection: Connection, reading_id: int) -> ReadingHealth:
    """What is safely stored of one reading.

    Raises:
        StoreError: There is no such reading.
    """
    found = _readings(connection, reading_id)
    if not found:
        raise raw.no_reading(reading_id)
    return found[0]


def _readings(connection: Connection, reading_id: int | None = None) -> tuple[ReadingHealth, ...]:
    reading = tables.reading.c
    query = select(reading.id, reading.state, reading.started_ns, reading.n_chunks, reading.n_audio_chunks).order_by(reading.id)
    rows = connection.execute(query if reading_id is None else query.where(reading.id == reading_id)).all()
    return tuple(_reading_health(connection, row) for row in rows)


def _integrity(connection: Connection) -> str:
    if connection.dialect.name != "sqlite":
        return "ok"  # a server checks its own pages
    found = [str(line) for (line,) in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    found += [f"row {orphan[1]} of {orphan[0]} points nowhere" for orphan in orphans[:20]]
    return "; ".join(line for line in found if line != "ok") or "ok"


@dataclass(frozen=True)
class _Counted:
    """Samples that are intact, and when the last of them was; chunks that are missing or damaged; stretches lost before they came here."""

    n_samples: int
    last_ns: int | None
    n_bad_chunks: int
    n_lost: int


def _reading_health(connection: Connection, row: Any) -> ReadingHealth:
    gaze = _counted(connection, raw_tables.gaze_chunk, row.id, row.n_chunks)
    audio = _counted(connection, raw_tables.audio_chunk, row.id, row.n_audio_chunks)
    last_durable_ns = row.started_ns if gaze.last_ns is None else gaze.last_ns
    n_audio_gaps = audio.n_bad_chunks + audio.n_lost
    return ReadingHealth(row.id, row.state, gaze.n_samples, gaze.n_bad_chunks, last_durable_ns, audio.n_samples, n_audio_gaps)


def _counted(connection: Connection, table: Table, reading_id: int, n_chunks: int | None) -> _Counted:
    n_samples = n_intact = n_lost = 0
    last_ns: int | None = None
    last_seq, next_sample = -1, 0
    chunks = select(table).where(table.c.reading_id == reading_id).order_by(table.c.seq).execution_options(yield_per=256)
    for found in connection.execute(chunks):
        if raw_tables.audio_chunk is table:
            n_lost += int(found.seq == last_seq + 1 and found.first_sample != next_sample)
            next_sample = found.first_sample + found.n
        last_seq = found.seq
        if intact(found):
            n_intact, n_samples, last_ns = n_intact + 1, n_samples + found.n, found.t1_ns
    return _Counted(n_samples, last_ns, max(last_seq + 1, n_chunks or 0) - n_intact, n_lost)
