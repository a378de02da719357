"""Sittings and readings: who read what, when, at which screen, and how it ended."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, update

from egma_core.errors import StoreError
from egma_core.geometry import Screen
from egma_core.speech.sentences import TextOrigin
from egma_core.store import raw, raw_tables, tables
from egma_core.store.revisions import text_origins
from egma_core.store.values import (
    CaptureSessionRecord,
    Changes,
    ReadingEntry,
    ReadingState,
    StudyReference,
)


def begin_session(connection: Connection, session: CaptureSessionRecord) -> Changes:
    """Write down one sitting."""
    screen, tracker = session.screen, session.tracker
    values = {
        "uid": uuid.uuid4().hex,
        "reader_id": session.reader_id,
        "screen_width_px": screen.width_px,
        "screen_height_px": screen.height_px,
        "screen_width_mm": screen.width_mm,
        "screen_height_mm": screen.height_mm,
        "screen_distance_mm": screen.distance_mm,
        "tracker_name": tracker.name,
        "tracker_model": tracker.model,
        "tracker_serial": tracker.serial,
        "tracker_rate_hz": tracker.rate_hz,
        "tracker_capabilities": sorted(tracker.capabilities),
        "gaze_origin": tracker.origin,
        "host_ns": session.host_ns,
        "utc": session.utc,
        "program_version": session.program_version,
        "protocol_name": session.protocol_name,
        "protocol_toml": session.protocol_toml,
        "protocol_hash": protocol_hash(session.protocol_toml),
        "microphone": dict(session.microphone),
    }
    return _added(connection, tables.capture_session, values)


def protocol(connection: Connection, session_id: int) -> tuple[str, str]:
    """(name, text) of the study protocol of a sitting."""
    session = tables.capture_session.c
    row = connection.execute(select(session.protocol_name, session.protocol_toml).where(session.id == session_id)).first()
    if row is None:
        raise StoreError(f"There is no capture session {session_id} in the library.", "Choose one that is there.")
    return row.protocol_name, row.protocol_toml


def protocol_hash(toml: str) -> str:
    """Hexadecimal SHA-256 of a study protocol's text, or "" where there is none."""
    return hashlib.sha256(toml.encode("utf-8")).hexdigest() if toml else ""


def begin_reading(connection: Connection, session_id: int, study_id: int, started_ns: int, started_utc: datetime) -> Changes:
    """Write down that a reading has begun."""
    for table, wanted in ((tables.capture_session, session_id), (tables.study, study_id)):
        if connection.execute(select(table.c.id).where(table.c.id == wanted)).first() is None:
            raise StoreError(f"There is no {table.name.replace('_', ' ')} {wanted} in the library.", "Choose one that is there.")
    values = {
        "uid": uuid.uuid4().hex,
        "capture_session_id": session_id,
        "study_id": study_id,
        "state": "recording",
        "started_ns": started_ns,
        "started_utc": started_utc,
        "note": "",
    }
    return _added(connection, tables.reading, values)


def end_reading(connection: Connection, reading_id: int, state: ReadingState, ended_ns: int, note: str) -> Changes:
    """Write down how a reading ended, and how many chunks it must have."""
    if state == "recording":
        raise StoreError(f"Reading {reading_id} cannot end as 'recording'.", "Say how it ended.")
    at = raw.tail(connection, reading_id)
    counts = {"n_chunks": at.next_seq["gaze_chunk"], "n_audio_chunks": at.next_seq["audio_chunk"]}
    values = {"state": state, "ended_ns": ended_ns, "note": note, **counts}
    connection.execute(update(tables.reading).where(tables.reading.c.id == reading_id).values(values))
    return Changes(frozenset({"reading"}), reading_id)


def recover(connection: Connection) -> tuple[int, ...]:
    """End every reading that says it is being recorded, at the last thing stored of it."""
    reading = tables.reading.c
    rows = connection.execute(select(reading.id, reading.started_ns).where(reading.state == "recording").order_by(reading.id)).all()
    latest = raw.latest(connection) if rows else {}
    for reading_id, started_ns in rows:
        ended_ns = max(latest.get(reading_id) or started_ns, started_ns)
        end_reading(connection, reading_id, "recovered", ended_ns, "The program ended while it was being recorded.")
    return tuple(row.id for row in rows)


def readings(connection: Connection, states: Sequence[ReadingState] | None = None, reading_id: int | None = None) -> list[ReadingEntry]:
    """Readings in the order they began, in a few queries however many there are."""
    table, session = tables.reading, tables.capture_session
    query = (
        select(
            *(c for c in table.c), *_labelled(session), tables.reader.c.name.label("reader"), tables.patient.c.pseudonym.label("patient")
        )
        .join_from(table, session, table.c.capture_session_id == session.c.id)
        .join(tables.reader, session.c.reader_id == tables.reader.c.id)
        .join(tables.study, table.c.study_id == tables.study.c.id)
        .join(tables.patient, tables.study.c.patient_id == tables.patient.c.id)
        .order_by(table.c.id)
    )
    chunk = raw_tables.gaze_chunk.c
    samples_query = select(chunk.reading_id, func.sum(chunk.n)).group_by(chunk.reading_id)
    if states is not None:
        query = query.where(table.c.state.in_(states))
    if reading_id is not None:
        query = query.where(table.c.id == reading_id)
        samples_query = samples_query.where(chunk.reading_id == reading_id)
    rows = connection.execute(query).all()
    samples = {key: int(n) for key, n in connection.execute(samples_query)}
    texts = text_origins(connection, reading_id)
    return [_reading_entry(row, samples.get(row.id, 0), texts.get(row.id, {})) for row in rows]


def reading(connection: Connection, reading_id: int) -> ReadingEntry:
    """One reading."""
    found = readings(connection, reading_id=reading_id)
    if not found:
        raise raw.no_reading(reading_id)
    return found[0]


def _added(connection: Connection, table: Table, values: dict[str, Any]) -> Changes:
    key = connection.execute(insert(table).values(values)).inserted_primary_key
    return Changes(frozenset({table.name}), key[0] if key else None)


def _labelled(table: Table) -> list[Any]:
    return [c.label(f"session_{c.name}") for c in table.c]


def _reading_entry(row: Any, n_samples: int, texts: Mapping[TextOrigin, int]) -> ReadingEntry:
    return ReadingEntry(
        id=row.id,
        uid=row.uid,
        study=StudyReference(row.study_id, row.patient),
        reader=row.reader,
        tracker=row.session_tracker_name,
        gaze_origin=row.session_gaze_origin,
        state=row.state,
        started_ns=row.started_ns,
        ended_ns=row.ended_ns,
        started_utc=row.started_utc,
        n_samples=n_samples,
        n_sentences=sum(texts.values()),
        text_origins=tuple(sorted(texts)),
        screen=Screen(
            row.session_screen_width_px,
            row.session_screen_height_px,
            row.session_screen_width_mm,
            row.session_screen_height_mm,
            row.session_screen_distance_mm,
        ),
        note=row.note,
        session_id=row.capture_session_id,
        protocol_hash=row.session_protocol_hash,
    )
