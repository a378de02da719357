"""Calibrations, validations and drift checks of a sitting, and which of them hold when a reading begins."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert, select

from egma_core.errors import StoreError
from egma_core.gaze.samples import SAMPLE_DTYPE, GazeOrigin, GazeSamples
from egma_core.store import raw, tables
from egma_core.store.chunks import gaze_row, intact
from egma_core.store.columns import plain
from egma_core.store.sitting_tables import calibration_attempt, calibration_gaze, calibration_use, gaze_correction
from egma_core.store.values import CalibrationAttempt, Changes


def add_attempt(connection: Connection, session_id: int, attempt: CalibrationAttempt) -> Changes:
    """Write an attempt down, with the raw samples behind it."""
    origin = _origin(connection, session_id)
    if any(len(block) and block.origin != origin for block in attempt.gaze):
        raise StoreError(f"The looks of a {attempt.kind.replace('_', ' ')} are of another origin than the sitting's gaze.", "")
    values = {
        "uid": uuid.uuid4().hex,
        "capture_session_id": session_id,
        "kind": attempt.kind,
        "host_ns": attempt.host_ns,
        "utc": attempt.utc,
        "points": [list(point) for point in attempt.points],
        "outcome": plain(attempt.outcome),
        "figures": plain(attempt.figures),
        "data": attempt.data,
    }
    attempt_id = connection.execute(insert(calibration_attempt).values(values).returning(calibration_attempt.c.id)).scalar_one()
    rows = [{"calibration_attempt_id": attempt_id, "seq": seq, **gaze_row(block)} for seq, block in enumerate(attempt.gaze)]
    if rows:
        connection.execute(insert(calibration_gaze), rows)
    return Changes(frozenset({"calibration_attempt", "calibration_gaze"}), attempt_id)


def attempts(connection: Connection, session_id: int) -> tuple[CalibrationAttempt, ...]:
    """Every attempt of a sitting, in order.

    Raises:
        StoreError: There is no such sitting, or a look behind an attempt is damaged.
    """
    origin = _origin(connection, session_id)
    rows = connection.execute(
        select(calibration_attempt).where(calibration_attempt.c.capture_session_id == session_id).order_by(calibration_attempt.c.id)
    ).all()
    looks: dict[int, list[GazeSamples]] = defaultdict(list)
    query = select(calibration_gaze).join(calibration_attempt).where(calibration_attempt.c.capture_session_id == session_id)
    for row in connection.execute(query.order_by(calibration_gaze.c.calibration_attempt_id, calibration_gaze.c.seq)):
        if not intact(row):
            raise StoreError(f"The look at target {row.seq} of attempt {row.calibration_attempt_id} is damaged.", "Restore a backup copy.")
        looks[row.calibration_attempt_id].append(GazeSamples(np.frombuffer(row.payload, SAMPLE_DTYPE), origin))
    return tuple(_attempt(row, tuple(looks[row.id])) for row in rows)


def use(connection: Connection, session_id: int, host_ns: int, calibration_id: int | None, validation_id: int | None) -> Changes:
    """Write down which attempts hold from `host_ns` on."""
    _require_attempts(connection, session_id, calibration_id, validation_id)
    values = {
        "capture_session_id": session_id,
        "host_ns": host_ns,
        "calibration_id": calibration_id,
        "validation_id": validation_id,
    }
    use_id = connection.execute(insert(calibration_use).values(values).returning(calibration_use.c.id)).scalar_one()
    return Changes(frozenset({"calibration_use"}), use_id)


def add_correction(
    connection: Connection, session_id: int, host_ns: int, attempt_id: int, shift: tuple[float, float], reason: str
) -> Changes:
    """Write down that gaze is shifted from `host_ns` on, and on the grounds of which drift check."""
    _require_attempts(connection, session_id, attempt_id)
    if not np.isfinite(shift).all():
        raise StoreError("A correction of gaze must be a number in both directions.", "Repeat the drift check.")
    values = {"capture_session_id": session_id, "host_ns": host_ns, "attempt_id": attempt_id, "reason": reason}
    values |= {"dx": shift[0], "dy": shift[1]}
    correction_id = connection.execute(insert(gaze_correction).values(values).returning(gaze_correction.c.id)).scalar_one()
    return Changes(frozenset({"gaze_correction"}), correction_id)


def correction(connection: Connection, reading_id: int) -> tuple[float, float]:
    """(dx, dy) in fractions of the display, to be added to gaze, as it held when a reading began.

    A correction ends when another calibration comes into use: it mended that of the one before.
    """
    session_id, started_ns = _sitting_of(connection, reading_id)
    since_ns, calibration_id = None, None
    for used in _uses(connection, session_id, started_ns):
        if used.calibration_id != calibration_id:
            since_ns, calibration_id = used.host_ns, used.calibration_id
    table = gaze_correction.c
    query = select(table.dx, table.dy).where(table.capture_session_id == session_id, table.host_ns <= started_ns)
    if since_ns is not None:
        query = query.where(table.host_ns >= since_ns)
    row = connection.execute(query.order_by(table.host_ns.desc(), table.id.desc()).limit(1)).first()
    return (0.0, 0.0) if row is None else (row.dx, row.dy)


def accuracy_deg(connection: Connection, reading_id: int, eye: str) -> float | None:
    """The validated accuracy of an eye, in degrees, as it held when a reading began; None where it was not validated."""
    session_id, started_ns = _sitting_of(connection, reading_id)
    uses = _uses(connection, session_id, started_ns)
    if not uses or uses[-1].validation_id is None:
        return None
    query = select(calibration_attempt.c.figures).where(calibration_attempt.c.id == uses[-1].validation_id)
    figures: Mapping[str, Any] = connection.execute(query).scalar_one()
    measured = (figures.get("average" if eye == "strict_average" else eye) or {}).get("accuracy_deg")
    return None if measured is None else float(measured)


def _uses(connection: Connection, session_id: int, until_ns: int) -> list[Any]:
    table = calibration_use.c
    query = select(calibration_use).where(table.capture_session_id == session_id, table.host_ns <= until_ns)
    return list(connection.execute(query.order_by(table.host_ns, table.id)))


def _sitting_of(connection: Connection, reading_id: int) -> tuple[int, int]:
    reading = tables.reading.c
    row = connection.execute(select(reading.capture_session_id, reading.started_ns).where(reading.id == reading_id)).first()
    if row is None:
        raise raw.no_reading(reading_id)
    return row.capture_session_id, row.started_ns


def _origin(connection: Connection, session_id: int) -> GazeOrigin:
    session = tables.capture_session.c
    origin = connection.execute(select(session.gaze_origin).where(session.id == session_id)).scalar_one_or_none()
    if origin is None:
        raise StoreError(f"There is no capture session {session_id} in the library.", "Begin one first.")
    return origin


def _require_attempts(connection: Connection, session_id: int, *attempt_ids: int | None) -> None:
    _origin(connection, session_id)
    table = calibration_attempt.c
    known = set(connection.execute(select(table.id).where(table.capture_session_id == session_id)).scalars())
    for attempt_id in attempt_ids:
        if attempt_id is not None and attempt_id not in known:
            raise StoreError(f"There is no attempt {attempt_id} in capture session {session_id}.", "Choose one of its own.")


def _attempt(row: Any, gaze: tuple[GazeSamples, ...]) -> CalibrationAttempt:
    points = tuple((float(x), float(y)) for x, y in row.points)
    return CalibrationAttempt(row.kind, row.host_ns, row.utc, points, row.outcome, row.figures, row.data, gaze, row.id)
