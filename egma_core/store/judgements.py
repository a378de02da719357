"""What was found and decided about readings: clock fits, and what a person made of a reading at its end."""

from __future__ import annotations

import dataclasses
from typing import Any

from sqlalchemy import Connection, insert, select, update

from egma_core.errors import StoreError
from egma_core.store import raw, recordings, tables
from egma_core.store.columns import plain
from egma_core.store.sitting_tables import clock_fit, reading_decision
from egma_core.store.values import Changes, ClockFit, ReadingDecision, ReadingEntry

_GIVEN_UP = ("redone", "discarded")
_FIT = tuple(field.name for field in dataclasses.fields(ClockFit))
_DECISION = tuple(field.name for field in dataclasses.fields(ReadingDecision))


def add_clock_fit(connection: Connection, reading_id: int, fit: ClockFit) -> Changes:
    """Write a fit down."""
    raw.started(connection, reading_id)
    values = {"reading_id": reading_id, **{name: getattr(fit, name) for name in _FIT}}
    connection.execute(insert(clock_fit).values(values))
    return Changes(frozenset({"clock_fit"}), reading_id)


def clock_fits(connection: Connection, reading_id: int) -> tuple[ClockFit, ...]:
    """The fits of a reading, in order."""
    raw.started(connection, reading_id)
    rows = connection.execute(select(clock_fit).where(clock_fit.c.reading_id == reading_id).order_by(clock_fit.c.id))
    return tuple(ClockFit(*(getattr(row, name) for name in _FIT)) for row in rows)


def decide(connection: Connection, reading_id: int, decision: ReadingDecision) -> Changes:
    """Write a decision down; a reading that was thrown away or read again instead is discarded, and keeps its rows.

    Raises:
        StoreError: There is no such reading.
    """
    reading = tables.reading.c
    state = connection.execute(select(reading.state).where(reading.id == reading_id)).scalar_one_or_none()
    if state is None:
        raise raw.no_reading(reading_id)
    values: dict[str, Any] = {name: getattr(decision, name) for name in _DECISION}
    connection.execute(insert(reading_decision).values({"reading_id": reading_id, **values, "figures": plain(decision.figures)}))
    if decision.decision not in _GIVEN_UP or state == "discarded":
        return Changes(frozenset({"reading_decision"}), reading_id)
    if state not in ("complete", "recovered"):
        raise StoreError(f"Reading {reading_id} is in state '{state}' and cannot be discarded.", "End it first.")
    connection.execute(update(tables.reading).where(reading.id == reading_id).values(state="discarded"))
    return Changes(frozenset({"reading_decision", "reading"}), reading_id)


def decisions(connection: Connection, reading_id: int) -> tuple[ReadingDecision, ...]:
    """What was decided about a reading, in order; the last one counts."""
    raw.started(connection, reading_id)
    rows = connection.execute(select(reading_decision).where(reading_decision.c.reading_id == reading_id).order_by(reading_decision.c.id))
    return tuple(ReadingDecision(*(getattr(row, name) for name in _DECISION)) for row in rows)


def undecided(connection: Connection) -> list[ReadingEntry]:
    """The recovered readings that nobody has judged yet, in the order they began."""
    judged = set(connection.execute(select(reading_decision.c.reading_id)).scalars())
    return [entry for entry in recordings.readings(connection, ("recovered",)) if entry.id not in judged]
