"""A reading's raw rows: written once, one batch a transaction, and checked when they are read back."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, insert, select

from egma_core.errors import StoreError
from egma_core.gaze.samples import SAMPLE_DTYPE, SAMPLE_FORMAT, GazeOrigin, GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Transform
from egma_core.speech.sentences import Sentence
from egma_core.store import tables
from egma_core.store.values import Notification, RawBatch

_TABLES = {name: tables.metadata.tables[name] for name in tables.RAW_TABLES}
_INSERTS = {name: insert(table) for name, table in _TABLES.items()}
_AFFINE = ("xx", "xy", "yx", "yy", "dx", "dy")
_SIDES = ("left", "top", "right", "bottom")


@dataclass(frozen=True)
class Tail:
    """Where a reading that is being recorded goes on.

    Attributes:
        origin: The origin that all its gaze has.
        next_seq: Sequence number of each raw table's next row.
    """

    origin: GazeOrigin
    next_seq: Mapping[str, int]


def tail(connection: Connection, reading_id: int) -> Tail:
    """Where a reading that is being recorded goes on.

    Raises:
        StoreError: There is no such reading, or it has ended.
    """
    query = select(tables.reading.c.state, tables.capture_session.c.gaze_origin).join_from(tables.reading, tables.capture_session)
    row = connection.execute(query.where(tables.reading.c.id == reading_id)).first()
    if row is None:
        raise no_reading(reading_id)
    if row.state != "recording":
        raise StoreError(f"Reading {reading_id} has ended ({row.state}) and takes no more.", "Begin another reading.")
    next_seq: dict[str, int] = {}
    for name, table in _TABLES.items():
        last = connection.execute(select(func.max(table.c.seq)).where(table.c.reading_id == reading_id)).scalar_one()
        next_seq[name] = 0 if last is None else last + 1
    return Tail(row.gaze_origin, next_seq)


def append(connection: Connection, reading_id: int, at: Tail, batch: RawBatch) -> tuple[Tail, frozenset[str]]:
    """Insert a batch.

    Returns:
        The tail after it, valid once the transaction is, and the tables that took rows.

    Raises:
        StoreError: The gaze is of another origin than the reading's.
    """
    if len(batch.gaze) and batch.gaze.origin != at.origin:
        what = f"Gaze of origin '{batch.gaze.origin}' cannot go into reading {reading_id}, whose gaze is of origin '{at.origin}'."
        raise StoreError(what, "Record it in a session of its own.")
    rows = {
        "gaze_chunk": _chunk_rows(batch.gaze),
        "viewport": [_viewport_row(v) for v in batch.viewports],
        "sentence": [{"text": s.text, "onset_ns": s.onset_ns, "offset_ns": s.offset_ns, "text_origin": s.origin} for s in batch.sentences],
        "notification": [{"host_ns": n.host_ns, "kind": n.kind, "text": n.text} for n in batch.notifications],
    }
    next_seq = dict(at.next_seq)
    changed = [name for name, values in rows.items() if values]
    for name in changed:
        for row in rows[name]:
            row["reading_id"], row["seq"] = reading_id, next_seq[name]
            next_seq[name] += 1
        connection.execute(_INSERTS[name], rows[name])
    return Tail(at.origin, next_seq), frozenset(changed)


def started(connection: Connection, reading_id: int) -> tuple[int, GazeOrigin, int | None]:
    """(host clock at its start, origin of its gaze, chunks it must have once it has ended) of a reading."""
    query = select(tables.reading.c.started_ns, tables.capture_session.c.gaze_origin, tables.reading.c.n_chunks)
    query = query.join_from(tables.reading, tables.capture_session).where(tables.reading.c.id == reading_id)
    row = connection.execute(query).first()
    if row is None:
        raise no_reading(reading_id)
    return row.started_ns, row.gaze_origin, row.n_chunks


def gaze(connection: Connection, reading_id: int) -> GazeSamples:
    """Every sample of a reading, or an error that says what is missing."""
    started_ns, origin, n_chunks = started(connection, reading_id)
    chunk = tables.gaze_chunk.c
    rows = connection.execute(select(tables.gaze_chunk).where(chunk.reading_id == reading_id).order_by(chunk.seq)).all()
    expected, end_ns = 0, started_ns
    for row in rows:
        if row.seq != expected:
            raise _gap(reading_id, expected, row.seq - 1, end_ns - started_ns, row.t0_ns - started_ns)
        if not intact(row):
            raise _gap(reading_id, row.seq, row.seq, row.t0_ns - started_ns, row.t1_ns - started_ns)
        expected, end_ns = row.seq + 1, row.t1_ns
    if n_chunks is not None and expected < n_chunks:
        raise _gap(reading_id, expected, n_chunks - 1, end_ns - started_ns, None)
    return GazeSamples(np.frombuffer(b"".join(row.payload for row in rows), SAMPLE_DTYPE), origin)


def intact(row: Any) -> bool:
    """Whether a row of `gaze_chunk` holds what was written."""
    if row.format != SAMPLE_FORMAT or len(row.payload) != row.n * SAMPLE_DTYPE.itemsize:
        return False
    return zlib.crc32(row.payload) == row.crc32


def viewports(connection: Connection, reading_id: int) -> tuple[Viewport, ...]:
    """A reading's viewport log, in order."""
    started(connection, reading_id)
    return tuple(_viewport(row) for row in _raw_rows(connection, "viewport", reading_id))


def sentences(connection: Connection, reading_id: int) -> tuple[Sentence, ...]:
    """A reading's sentences in the order they were finished, in seconds since its start."""
    start_ns, _, _ = started(connection, reading_id)
    return tuple(
        Sentence(row.text, (row.onset_ns - start_ns) / 1e9, (row.offset_ns - start_ns) / 1e9, row.text_origin, row.id)
        for row in _raw_rows(connection, "sentence", reading_id)
    )


def notifications(connection: Connection, reading_id: int) -> tuple[Notification, ...]:
    """What else happened in a reading, in order."""
    started(connection, reading_id)
    return tuple(Notification(row.host_ns, row.kind, row.text) for row in _raw_rows(connection, "notification", reading_id))


def latest(connection: Connection) -> dict[int, int]:
    """Host clock of the last raw row of each reading that has any."""
    moments = (tables.gaze_chunk.c.t1_ns, tables.viewport.c.host_ns, tables.sentence.c.offset_ns, tables.notification.c.host_ns)
    found: dict[int, int] = {}
    for moment in moments:
        key = moment.table.c["reading_id"]
        for reading_id, ns in connection.execute(select(key, func.max(moment)).group_by(key)):
            found[reading_id] = max(int(ns), found.get(reading_id, int(ns)))
    return found


def _raw_rows(connection: Connection, name: str, reading_id: int) -> Sequence[Any]:
    table = _TABLES[name]
    return connection.execute(select(table).where(table.c.reading_id == reading_id).order_by(table.c.seq)).all()


def _chunk_rows(samples: GazeSamples) -> list[dict[str, Any]]:
    if not len(samples):
        return []
    if samples.rows.dtype != SAMPLE_DTYPE:
        raise StoreError("Samples are not in the format that chunks are kept in.", "Build them with GazeSamples.")
    payload = samples.rows.tobytes()
    return [
        {
            "t0_ns": int(samples.host_ns[0]),
            "t1_ns": int(samples.host_ns[-1]),
            "n": len(samples),
            "crc32": zlib.crc32(payload),
            "format": SAMPLE_FORMAT,
            "gaze_origin": samples.origin,
            "payload": payload,
        }
    ]


def _viewport_row(viewport: Viewport) -> dict[str, Any]:
    transform, region = viewport.image_to_screen, viewport.region
    return {
        "host_ns": viewport.host_ns,
        "instance_uid": viewport.instance_uid,
        "frame": viewport.frame,
        **{f"image_to_screen_{name}": getattr(transform, name) for name in _AFFINE},
        **{f"region_{side}_px": getattr(region, side) for side in _SIDES},
        "window_center": viewport.window_center,
        "window_width": viewport.window_width,
        "inverted": viewport.inverted,
    }


def _viewport(row: Any) -> Viewport:
    return Viewport(
        host_ns=row.host_ns,
        instance_uid=row.instance_uid,
        frame=row.frame,
        image_to_screen=Transform("image", "screen", *(getattr(row, f"image_to_screen_{name}") for name in _AFFINE)),
        region=Rect(*(getattr(row, f"region_{side}_px") for side in _SIDES)),
        window_center=row.window_center,
        window_width=row.window_width,
        inverted=row.inverted,
    )


def no_reading(reading_id: int) -> StoreError:
    """The error for a reading that is not there."""
    return StoreError(f"There is no reading {reading_id} in the library.", "Choose one from the list of readings.")


def _gap(reading_id: int, first: int, last: int, from_ns: int, to_ns: int | None) -> StoreError:
    chunks = f"Chunk {first} is" if first == last else f"Chunks {first} to {last} are"
    until = "the end" if to_ns is None else f"{to_ns / 1e9:.2f} s"
    what = f"{chunks} missing or damaged in the gaze of reading {reading_id} (from {from_ns / 1e9:.2f} s to {until})."
    return StoreError(what, "Restore a backup copy, or leave this reading out.")
