"""A reading's raw rows: written once, one batch a transaction, and checked when they are read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, insert, select

from egma_core.errors import StoreError
from egma_core.gaze.samples import SAMPLE_DTYPE, GazeOrigin, GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Transform
from egma_core.speech.sentences import Sentence
from egma_core.store import raw_tables, tables
from egma_core.store.chunks import AUDIO_FORMAT, chunk_row, gaze_row, whole
from egma_core.store.values import AudioChunk, HeardWord, Notification, RawBatch, TextEdit

_TABLES = {name: raw_tables.metadata.tables[name] for name in raw_tables.RAW_TABLES}
_INSERTS = {name: insert(table) for name, table in _TABLES.items()}
_AFFINE = ("xx", "xy", "yx", "yy", "dx", "dy")
_SIDES = ("left", "top", "right", "bottom")
_AUDIO_DTYPE = np.dtype("<i2")
_EDIT = ("host_ns", "line", "position", "removed", "inserted")
_WORD = ("text", "onset_ns", "offset_ns", "confidence", "engine")


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
        "gaze_chunk": [{**gaze_row(batch.gaze), "gaze_origin": batch.gaze.origin}] if len(batch.gaze) else [],
        "viewport": [_viewport_row(v) for v in batch.viewports],
        "sentence": [{"text": s.text, "onset_ns": s.onset_ns, "offset_ns": s.offset_ns, "text_origin": s.origin} for s in batch.sentences],
        "notification": [{"host_ns": n.host_ns, "kind": n.kind, "text": n.text} for n in batch.notifications],
        "audio_chunk": [_audio_row(chunk) for chunk in batch.audio],
        "text_edit": [{name: getattr(edit, name) for name in _EDIT} for edit in batch.edits],
        "word": [{name: getattr(word, name) for name in _WORD} for word in batch.words],
    }
    next_seq = dict(at.next_seq)
    changed = [name for name, values in rows.items() if values]
    for name in changed:
        for row in rows[name]:
            row["reading_id"], row["seq"] = reading_id, next_seq[name]
            next_seq[name] += 1
        connection.execute(_INSERTS[name], rows[name])
    return Tail(at.origin, next_seq), frozenset(changed)


def started(connection: Connection, reading_id: int) -> tuple[int, GazeOrigin]:
    """(host clock at its start, origin of its gaze) of a reading.

    Raises:
        StoreError: There is no such reading.
    """
    row = _reading(connection, reading_id)
    return row.started_ns, row.gaze_origin


def gaze(connection: Connection, reading_id: int) -> GazeSamples:
    """Every sample of a reading, or an error that says what is missing."""
    reading = _reading(connection, reading_id)
    rows = _raw_rows(connection, "gaze_chunk", reading_id)
    found = whole(rows, of=f"the gaze of reading {reading_id}", started_ns=reading.started_ns, n_chunks=reading.n_chunks)
    return GazeSamples(np.frombuffer(b"".join(row.payload for row in found), SAMPLE_DTYPE), reading.gaze_origin)


def audio_chunks(connection: Connection, reading_id: int, from_seq: int) -> tuple[AudioChunk, ...]:
    """A reading's chunks of audio from number `from_seq` on, or an error that says what is missing."""
    reading = _reading(connection, reading_id)
    rows = _raw_rows(connection, "audio_chunk", reading_id, from_seq)
    of = f"the audio of reading {reading_id}"
    found = whole(rows, of=of, started_ns=reading.started_ns, first_seq=from_seq, n_chunks=reading.n_audio_chunks)
    return tuple(AudioChunk(row.t0_ns, row.t1_ns, row.first_sample, row.rate_hz, np.frombuffer(row.payload, _AUDIO_DTYPE)) for row in found)


def viewports(connection: Connection, reading_id: int) -> tuple[Viewport, ...]:
    """A reading's viewport log, in order."""
    started(connection, reading_id)
    return tuple(_viewport(row) for row in _raw_rows(connection, "viewport", reading_id))


def sentences(connection: Connection, reading_id: int) -> tuple[Sentence, ...]:
    """A reading's sentences in the order they were finished, in seconds since its start."""
    start_ns, _ = started(connection, reading_id)
    return tuple(
        Sentence(row.text, (row.onset_ns - start_ns) / 1e9, (row.offset_ns - start_ns) / 1e9, row.text_origin, row.id)
        for row in _raw_rows(connection, "sentence", reading_id)
    )


def notifications(connection: Connection, reading_id: int) -> tuple[Notification, ...]:
    """What else happened in a reading, in order."""
    started(connection, reading_id)
    return tuple(Notification(row.host_ns, row.kind, row.text) for row in _raw_rows(connection, "notification", reading_id))


def edits(connection: Connection, reading_id: int) -> tuple[TextEdit, ...]:
    """Every key stroke of a reading, in order."""
    started(connection, reading_id)
    return tuple(TextEdit(*(getattr(row, name) for name in _EDIT)) for row in _raw_rows(connection, "text_edit", reading_id))


def words(connection: Connection, reading_id: int) -> tuple[HeardWord, ...]:
    """The words of a reading as they were heard, in the order they came."""
    started(connection, reading_id)
    return tuple(HeardWord(*(getattr(row, name) for name in _WORD)) for row in _raw_rows(connection, "word", reading_id))


def latest(connection: Connection) -> dict[int, int]:
    """Host clock of the last raw row of each reading that has any."""
    moments = (
        raw_tables.gaze_chunk.c.t1_ns,
        raw_tables.viewport.c.host_ns,
        raw_tables.sentence.c.offset_ns,
        raw_tables.notification.c.host_ns,
        raw_tables.audio_chunk.c.t1_ns,
        raw_tables.text_edit.c.host_ns,
        raw_tables.word.c.offset_ns,
    )
    found: dict[int, int] = {}
    for moment in moments:
        key = moment.table.c["reading_id"]
        for of, ns in connection.execute(select(key, func.max(moment)).group_by(key)):
            found[of] = max(int(ns), found.get(of, int(ns)))
    return found


def _reading(connection: Connection, reading_id: int) -> Any:
    """A reading's start, the origin of its gaze, and how many chunks it must have once it has ended."""
    reading = tables.reading.c
    query = select(reading.started_ns, reading.n_chunks, reading.n_audio_chunks, tables.capture_session.c.gaze_origin)
    row = connection.execute(query.join_from(tables.reading, tables.capture_session).where(reading.id == reading_id)).first()
    if row is None:
        raise no_reading(reading_id)
    return row


def _raw_rows(connection: Connection, name: str, reading_id: int, from_seq: int = 0) -> Sequence[Any]:
    table = _TABLES[name]
    query = select(table).where(table.c.reading_id == reading_id).order_by(table.c.seq)
    return connection.execute(query.where(table.c.seq >= from_seq) if from_seq else query).all()


def _audio_row(chunk: AudioChunk) -> dict[str, Any]:
    payload = np.ascontiguousarray(chunk.samples, _AUDIO_DTYPE).tobytes()
    row = chunk_row(AUDIO_FORMAT, payload, chunk.t0_ns, chunk.t1_ns)
    return {**row, "first_sample": chunk.first_sample, "rate_hz": chunk.rate_hz}


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
