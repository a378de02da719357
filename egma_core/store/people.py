"""Readers' rights: what they agreed to, and the erasure of everything that is theirs."""

from __future__ import annotations

from datetime import datetime, timezone

from sqlalchemy import Connection, delete, insert, select, update

from egma_core.errors import StoreError
from egma_core.store import sitting_tables as sitting
from egma_core.store import tables
from egma_core.store.values import CONSENT_SCOPES, Changes, Consent

_ERASED = frozenset({"reader", "consent", "capture_session", "calibration_attempt", "reading", "derivation", "revision", "erasure"})


def add_consent(connection: Connection, reader_id: int, consent: Consent) -> Changes:
    """Write down what a reader agreed to or withdrew."""
    unknown = sorted(set(consent.scope) - set(CONSENT_SCOPES))
    if unknown:
        raise StoreError(f"Nobody can consent to {unknown[0]!r}.", f"Choose from: {', '.join(CONSENT_SCOPES)}.")
    values = {"reader_id": reader_id, "utc": consent.utc, "text_version": consent.text_version, "scope": list(consent.scope)}
    connection.execute(insert(sitting.consent).values({**values, "given": consent.given}))
    return Changes(frozenset({"consent"}), reader_id)


def consent(connection: Connection, reader: str) -> Consent | None:
    """What holds for a reader now; None where nothing was ever asked."""
    table = sitting.consent.c
    query = select(sitting.consent).join(tables.reader).where(tables.reader.c.name == reader.strip()).order_by(table.id.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else Consent(row.utc, row.text_version, tuple(row.scope), row.given)


def erase_reader(connection: Connection, name: str, reason: str, program_version: str) -> tuple[Changes, tuple[str, ...]]:
    """Delete everything that a reader's sittings left, and put a number in place of the name.

    Returns:
        What changed, and the identifiers of the readings that are gone.

    Raises:
        StoreError: There is no such reader, or one of the readings is being recorded.
    """
    reader, session, reading = tables.reader.c, tables.capture_session.c, tables.reading.c
    reader_id = connection.execute(select(reader.id).where(reader.name == name.strip())).scalar_one_or_none()
    if reader_id is None:
        raise StoreError("There is no reader of that name in the library.", "Check how the name is written.")
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")  # what is deleted is overwritten
    sessions = select(session.id).where(session.reader_id == reader_id)
    n_sessions = len(connection.execute(sessions).all())
    readings = connection.execute(select(reading.uid, reading.state).where(reading.capture_session_id.in_(sessions))).all()
    if any(row.state == "recording" for row in readings):
        raise StoreError("A reading of this reader is being recorded.", "End it, or let the next start recover it, then try again.")
    connection.execute(delete(tables.reading).where(reading.capture_session_id.in_(sessions)))
    connection.execute(delete(tables.capture_session).where(session.reader_id == reader_id))
    connection.execute(delete(sitting.consent).where(sitting.consent.c.reader_id == reader_id))
    connection.execute(update(tables.reader).where(reader.id == reader_id).values(name=f"erased-{reader_id}"))
    about = {"utc": datetime.now(timezone.utc), "reader_id": reader_id, "n_sessions": n_sessions, "n_readings": len(readings)}
    connection.execute(insert(sitting.erasure).values({**about, "reason": reason, "program_version": program_version}))
    return Changes(_ERASED, reader_id), tuple(row.uid for row in readings)


def erasures(connection: Connection) -> list[tuple[datetime, int, int, int, str]]:
    """(when, number of the reader, sittings, readings, reason) of every erasure, in order."""
    table = sitting.erasure
    rows = connection.execute(select(table).order_by(table.c.id))
    return [(row.utc, row.reader_id, row.n_sessions, row.n_readings, row.reason) for row in rows]
