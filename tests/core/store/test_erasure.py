"""Consent, and the erasure of a reader: nothing of theirs is left, and everything of the others is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from egma_core.errors import StoreError
from egma_core.gaze.samples import GazeSamples
from egma_core.geometry import Screen
from egma_core.speech.sentences import Sentence
from egma_core.store import sqlite_file
from egma_core.store.store import Store
from egma_core.store.values import (
    AudioChunk,
    CalibrationAttempt,
    CaptureSessionRecord,
    ClockFit,
    Consent,
    FilmRecord,
    RawBatch,
    ReadingDecision,
    SpokenSentence,
)
from egma_core.trackers.tracker import TrackerDescription

UTC = datetime(2026, 3, 1, 9, 30, tzinfo=timezone.utc)
STARTED = 10**15
SECRET = "the cardiophrenic angle is blunted"


def record(store: Store, film: FilmRecord, name: str, text: str, *, ended: bool = True) -> int:
    """One sitting of a reader with something in every table; returns its reading."""
    store.add_film(film)
    reader = store.add_reader(name).id
    assert reader is not None
    tracker = TrackerDescription("fake", "tracker", "Fake tracker", "17", 120.0)
    screen = Screen(1920, 1080, 531.0, 299.0, 650.0)
    session = store.begin_session(CaptureSessionRecord(reader, screen, tracker, STARTED, UTC, "0.1", "p", f"# {text}")).id
    assert session is not None
    looks = GazeSamples.blank(4, "tracker")
    attempt = store.add_attempt(session, CalibrationAttempt("validation", 1, UTC, ((0.5, 0.5),), {"said": text}, {}, gaze=(looks,))).id
    assert attempt is not None
    store.use_calibration(session, 1, None, attempt)
    store.add_correction(session, 1, attempt, 0.1, 0.1, text)
    reading = store.begin_reading(session, store.studies()[0].id, STARTED, UTC).id
    assert reading is not None
    audio = AudioChunk(STARTED, STARTED + 1, 0, 16000, np.frombuffer(text.encode() * 2, np.int16))
    said = SpokenSentence(text, STARTED, STARTED + 1, "dictation")
    store.append(reading, RawBatch(looks, sentences=(said,), audio=(audio,)))
    store.save_revision(reading, (Sentence(text, 0.0, 1.0, "typed"),), "edited")
    store.add_clock_fit(reading, ClockFit("gaze", 1, 1, 1.0, 1.0, 1.0, 1.0, "good"))
    store.set_consent(name, Consent(UTC, "1", ("gaze", "voice"), True))
    if ended:
        store.end_reading(reading, "complete", STARTED + 1)
        store.decide(reading, ReadingDecision(1, UTC, "signed_off", text, {}))
    return reading


def test_consent_is_kept_and_can_be_withdrawn(store: Store) -> None:
    assert store.consent("Dr A") is None
    given = Consent(UTC, "2026-01", ("gaze", "voice"), True)
    store.set_consent(" Dr A ", given)
    assert store.consent("Dr A") == given
    assert (given.covers("voice"), given.covers("sharing")) == (True, False)
    withdrawn = Consent(UTC, "2026-01", ("gaze", "voice"), False)
    store.set_consent("Dr A", withdrawn)
    assert store.consent("Dr A") == withdrawn and not withdrawn.covers("gaze")
    assert [reader.name for reader in store.readers()] == ["Dr A"]
    with pytest.raises(StoreError, match="Nobody can consent to 'brain'"):
        store.set_consent("Dr A", Consent(UTC, "1", ("brain",), True))


def test_erasing_a_reader_takes_what_is_theirs_and_leaves_the_others(store: Store, film: Callable[..., FilmRecord]) -> None:
    record(store, film(1), "Dr A", SECRET)
    other = record(store, film(1), "Dr B", "clear")
    with store._database.read() as connection:
        before = {table: _count(connection, table) for table in _TABLES}
    assert all(n == 2 for n in before.values()), before
    store.erase_reader("Dr A", "withdrew consent")
    with store._database.read() as connection:
        assert {table: _count(connection, table) for table in _TABLES} == {**dict.fromkeys(_TABLES, 1), "reader": 2}
    assert [reading.id for reading in store.readings()] == [other]
    assert [s.text for s in store.sentences(other)] == ["clear"]
    assert sorted(reader.name for reader in store.readers()) == ["Dr B", "erased-1"]
    (((utc, *what),)) = store.erasures()
    assert what == [1, 1, 1, "withdrew consent"] and utc.utcoffset() is not None
    assert store.check().integrity == "ok"
    with pytest.raises(StoreError, match="no reader of that name"):
        store.erase_reader("Dr A", "again")


_TABLES = (
    *("reader", "consent", "capture_session", "calibration_attempt", "calibration_gaze", "calibration_use", "gaze_correction"),
    *("reading", "gaze_chunk", "sentence", "audio_chunk", "revision", "revised_sentence", "clock_fit", "reading_decision"),
)


def _count(connection: object, table: str) -> int:
    return connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()  # type: ignore[attr-defined]  # SQLAlchemy's


def test_nothing_is_left_in_the_files(library_path: Path, film: Callable[..., FilmRecord]) -> None:
    with Store.open(library_path) as store:
        reading = record(store, film(1), "Dr Zebedee", SECRET)
        journal = store.files / "journal" / f"{store.reading(reading).uid}.journal"
        journal.parent.mkdir(parents=True)
        journal.write_bytes(SECRET.encode())
        files = [library_path, library_path.with_name("library.sqlite-wal")]

        def found(what: str) -> bool:
            return any(what.encode() in file.read_bytes() for file in files if file.exists())

        assert found(SECRET) and found("Dr Zebedee")
        store.erase_reader("Dr Zebedee", "asked to")
        assert not found(SECRET) and not found("Dr Zebedee")
        assert not journal.exists()
        assert store.check().integrity == "ok"


def test_a_journal_that_stays_is_named(library_path: Path, film: Callable[..., FilmRecord]) -> None:
    with Store.open(library_path) as store:
        reading = record(store, film(1), "Dr A", SECRET)
        journal = store.files / "journal" / f"{store.reading(reading).uid}.journal"
        journal.mkdir(parents=True)  # a folder in its place cannot be deleted like a file
        with pytest.raises(StoreError, match="journals could not be deleted") as raised:
            store.erase_reader("Dr A", "")
        assert journal.name in str(raised.value)
        assert store.readings() == [] and SECRET.encode() not in library_path.read_bytes()


def test_a_reader_who_is_recording_is_not_erased(store: Store, film: Callable[..., FilmRecord]) -> None:
    reading = record(store, film(1), "Dr A", SECRET, ended=False)
    with pytest.raises(StoreError, match="is being recorded"):
        store.erase_reader("Dr A", "")
    assert store.sentences(reading)[0].text == SECRET and store.erasures() == []


def test_a_library_that_somebody_reads_says_what_is_left_to_do(
    library_path: Path, film: Callable[..., FilmRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_MS", 50)
    with Store.open(library_path) as store, Store.open(library_path, read_only=True) as other:
        record(store, film(1), "Dr A", SECRET)
        with other._database.read() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM reading").scalar_one()
            with pytest.raises(StoreError, match="close every other program"):
                store.erase_reader("Dr A", "")
        assert store.readings() == []
        store.erase_reader("erased-1", "again, with nobody reading")
        assert SECRET.encode() not in library_path.read_bytes()
