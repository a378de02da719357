"""Calibrations, corrections, clock fits and decisions, on both engines."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest

from egma_core.errors import StoreError
from egma_core.gaze.samples import GazeSamples
from egma_core.geometry import Screen
from egma_core.store.store import Store
from egma_core.store.values import CalibrationAttempt, CaptureSessionRecord, ClockFit, FilmRecord, RawBatch, ReadingDecision
from egma_core.trackers.tracker import TrackerDescription

UTC = datetime(2026, 3, 1, 9, 30, tzinfo=timezone.utc)
SECOND = 10**9
Sitting = tuple[int, Callable[[int], int]]


@pytest.fixture
def sitting(store: Store, film: Callable[..., FilmRecord]) -> Sitting:
    """A sitting, and a function that begins a reading of it at some host time."""
    store.add_film(film(1))
    reader, study = store.add_reader("Dr A").id, store.studies()[0].id
    assert reader is not None
    tracker = TrackerDescription("fake", "tracker", "Fake tracker", "17", 120.0)
    microphone = {"name": "USB", "rate_hz": 16000}
    record = CaptureSessionRecord(reader, Screen(1920, 1080, 531.0, 299.0, 650.0), tracker, 0, UTC, "0.1", "pilot", "x = 1\n", microphone)
    session = store.begin_session(record).id
    assert session is not None

    def begin(at_ns: int) -> int:
        reading = store.begin_reading(session, study, at_ns, UTC).id
        assert reading is not None
        return reading

    return session, begin


def attempt(kind: Any = "validation", **others: Any) -> CalibrationAttempt:
    figures = {"average": {"accuracy_deg": 0.5}, "left": {"accuracy_deg": 0.75}, "right": {"accuracy_deg": math.nan}}
    values = {"host_ns": 5, "utc": UTC, "points": ((0.1, 0.2), (0.5, 0.5)), "outcome": {"ok": True}, "figures": figures}
    return CalibrationAttempt(kind, **{**values, **others})


def add(store: Store, session: int, **others: Any) -> int:
    made = store.add_attempt(session, attempt(**others)).id
    assert made is not None
    return made


def test_a_sitting_keeps_its_protocol(store: Store, sitting: Sitting) -> None:
    session, begin = sitting
    assert store.protocol(session) == ("pilot", "x = 1\n")
    entry = store.reading(begin(1))
    assert (entry.session_id, len(entry.protocol_hash)) == (session, 64)
    with store._database.read() as connection:
        query = "SELECT microphone FROM capture_session"
        assert "USB" in str(connection.exec_driver_sql(query).scalar_one())
    with pytest.raises(StoreError, match="no capture session 99"):
        store.protocol(99)


def test_an_attempt_comes_back_as_it_was(store: Store, sitting: Sitting, samples: Callable[..., GazeSamples]) -> None:
    session, _ = sitting
    looks = (samples(5), GazeSamples.blank(0, "tracker"), samples(3, at_ms=900))
    first = add(store, session, kind="calibration", data=b"\x00\x01blob", figures={})
    second = add(store, session, gaze=looks)
    kept = store.attempts(session)
    assert [(a.id, a.kind, a.data) for a in kept] == [(first, "calibration", b"\x00\x01blob"), (second, "validation", b"")]
    assert (kept[1].points, kept[1].utc, kept[1].outcome) == (((0.1, 0.2), (0.5, 0.5)), UTC, {"ok": True})
    assert kept[1].figures["right"] == {"accuracy_deg": None}, "not a number is nothing"
    assert all(back.rows.tobytes() == look.rows.tobytes() for back, look in zip(kept[1].gaze, looks, strict=True))
    with pytest.raises(StoreError, match="another origin"):
        add(store, session, gaze=(samples(5, origin="mouse"),))
    with pytest.raises(StoreError, match="no capture session 99"):
        add(store, 99)
    with store._database.write() as connection:
        connection.exec_driver_sql("DELETE FROM calibration_gaze WHERE seq = 0")
        connection.exec_driver_sql(
            "INSERT INTO calibration_gaze SELECT calibration_attempt_id, 0, t0_ns, t1_ns, n, crc32 + 1, format, payload "
            "FROM calibration_gaze WHERE seq = 2"
        )
    with pytest.raises(StoreError, match=f"target 0 of attempt {second} is damaged"):
        store.attempts(session)


def test_what_holds_is_what_was_in_use_at_the_reading_s_start(store: Store, sitting: Sitting) -> None:
    session, begin = sitting
    before, between, after = (begin(n * SECOND) for n in (1, 3, 5))
    calibration = add(store, session, kind="calibration", figures={})
    good, better = add(store, session), add(store, session, figures={"average": {"accuracy_deg": 0.25}})
    store.use_calibration(session, 2 * SECOND, calibration, good)
    store.use_calibration(session, 4 * SECOND, calibration, better)
    assert [store.accuracy_deg(r, "average") for r in (before, between, after)] == [None, 0.5, 0.25]
    assert [store.accuracy_deg(between, eye) for eye in ("left", "right", "strict_average")] == [0.75, None, 0.5]
    assert store.accuracy_deg(after, "left") is None
    store.use_calibration(session, 4 * SECOND, calibration, None)
    assert store.accuracy_deg(after, "average") is None, "of two at the same time the later one counts"
    with pytest.raises(StoreError, match="no attempt 99"):
        store.use_calibration(session, 1, 99, None)
    with pytest.raises(StoreError, match="no reading 99"):
        store.accuracy_deg(99, "left")


def test_corrections_hold_until_undone_or_calibrated_anew(store: Store, sitting: Sitting) -> None:
    session, begin = sitting
    readings = [begin(n * SECOND) for n in (1, 3, 5, 7, 9)]
    one, two = (add(store, session, kind="calibration", figures={}) for _ in range(2))
    check = add(store, session, kind="drift_check")
    store.use_calibration(session, 1, one, None)
    store.add_correction(session, 2 * SECOND, check, 0.01, -0.02, "drift of 0.8 deg")
    store.use_calibration(session, 2 * SECOND + 5, one, add(store, session))
    store.add_correction(session, 4 * SECOND, check, 0.0, 0.0, "undone")
    store.add_correction(session, 6 * SECOND, check, 0.03, 0.0, "drift")
    store.use_calibration(session, 8 * SECOND, two, None)
    assert [store.correction(r) for r in readings] == [(0.0, 0.0), (0.01, -0.02), (0.0, 0.0), (0.03, 0.0), (0.0, 0.0)]
    with pytest.raises(StoreError, match="no attempt 99"):
        store.add_correction(session, 1, 99, 0.0, 0.0, "")
    with pytest.raises(StoreError, match="must be a number"):
        store.add_correction(session, 1, check, math.nan, 0.0, "")


def test_clock_fits_are_kept(store: Store, sitting: Sitting) -> None:
    _, begin = sitting
    reading = begin(1)
    fits = (ClockFit("gaze", 100, -(10**17), 3.5, 0.1, 0.4, 0.9, "good"), ClockFit("audio", 7, 5, -1.0, 1.0, 30.0, 31.0, "flagged"))
    for fit in fits:
        store.add_clock_fit(reading, fit)
    assert store.clock_fits(reading) == fits
    with pytest.raises(StoreError, match="no reading 99"):
        store.add_clock_fit(99, fits[0])


def decision(what: Any, **others: Any) -> ReadingDecision:
    return ReadingDecision(**{"host_ns": 7, "utc": UTC, "decision": what, "reason": "", "figures": {"loss": 0.02}, **others})


def test_giving_a_reading_up_discards_it_and_keeps_its_rows(store: Store, sitting: Sitting, samples: Callable[..., GazeSamples]) -> None:
    _, begin = sitting
    kept, thrown, redone, running = (begin(n) for n in range(1, 5))
    for reading in (kept, thrown, redone):
        store.append(reading, RawBatch(samples(3)))
    store.end_reading(redone, "complete", 9)
    store._database.close()
    store.end_reading(running, "aborted", 9)
    assert store.recover_readings() == (kept, thrown)
    assert [entry.id for entry in store.undecided()] == [kept, thrown]
    store.decide(kept, decision("kept"))
    store.decide(thrown, decision("discarded", reason="phone rang", figures={"loss": np.nan}))
    store.decide(redone, decision("redone"))
    assert store.undecided() == []
    assert [store.reading(r).state for r in (kept, thrown, redone)] == ["recovered", "discarded", "discarded"]
    assert len(store.gaze(thrown)) == 3
    assert store.decisions(thrown) == (decision("discarded", reason="phone rang", figures={"loss": None}),)
    store.decide(thrown, decision("redone"))
    assert [d.decision for d in store.decisions(thrown)] == ["discarded", "redone"]
    with pytest.raises(StoreError, match="in state 'aborted'"):
        store.decide(running, decision("discarded"))
    assert store.decisions(running) == (), "what is refused is not written down"
    with pytest.raises(StoreError, match="no reading 99"):
        store.decide(99, decision("kept"))
