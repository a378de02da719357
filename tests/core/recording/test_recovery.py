"""Recovery: whatever a dead process had in its journal or its database is there afterwards, once, and what is missing is said."""

from __future__ import annotations

import itertools
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from egma_core.errors import StoreError
from egma_core.gaze.samples import GazeSamples
from egma_core.geometry import Screen
from egma_core.recording import journal as journal_module
from egma_core.recording.journal import Journal, journal_path, rows_in
from egma_core.recording.recovery import check, recover, waiting
from egma_core.store.store import Store
from egma_core.store.values import (
    AudioChunk,
    CaptureSessionRecord,
    Changes,
    Notification,
    RawBatch,
    ReadingDecision,
    TextEdit,
)
from egma_core.trackers.tracker import TrackerDescription

MS = 1_000_000
START = 10**12
UTC = datetime(2026, 3, 4, tzinfo=timezone.utc)
N = 3
SAMPLES = 3


def batch(index: int) -> RawBatch:
    """What happened in the chunk of that index: three samples, audio, and, in odd ones, more."""
    gaze = GazeSamples.blank(SAMPLES, "simulated")
    gaze.rows["host_ns"] = START + (np.arange(SAMPLES) + index * SAMPLES + 1) * 10 * MS
    end_ns = int(gaze.host_ns[-1])
    audio = (AudioChunk(end_ns - 30 * MS, end_ns, index * 480, 16000, np.full(480, index, np.int16)),)
    if index % 2 == 0:
        return RawBatch(gaze, audio=audio)
    notes = (Notification(end_ns, "focus", f"note {index}"),)
    return RawBatch(gaze, notifications=notes, audio=audio, edits=(TextEdit(end_ns, 0, index, "", "x"),) * index)


def begin(store: Store) -> tuple[int, str]:
    """A reading that is being recorded: its id and its uid."""
    sessions = {reading.session_id for reading in store.readings()}
    if not sessions:
        description = TrackerDescription("simulated", "simulated", "Simulated", "1", 100.0)
        screen = Screen(1920, 1080, 531.0, 299.0, 650.0)
        reader = store.add_reader("Dr A").id
        assert reader is not None
        session = store.begin_session(CaptureSessionRecord(reader, screen, description, START, UTC, "0.1")).id
    else:
        (session,) = sessions
    assert session is not None
    reading_id = store.begin_reading(session, 1, START, UTC).id
    assert reading_id is not None
    return reading_id, store.reading(reading_id).uid


def die(store: Store, n_committed: int, journaled: tuple[bool, ...]) -> int:
    """A reading whose process died: so many chunks were committed, and these are in its journal."""
    reading_id, uid = begin(store)
    journal = Journal(journal_path(store, uid), uid)
    next_seq = dict.fromkeys(rows_in(batch(0)), 0)
    for index in range(len(journaled)):
        if journaled[index]:
            journal.write(next_seq, batch(index))
        if index < n_committed:
            store.append(reading_id, batch(index))
        next_seq = {name: seq + rows_in(batch(index))[name] for name, seq in next_seq.items()}
    journal.close()
    return reading_id


def test_whatever_was_journaled_or_committed_is_there_once(store: Store) -> None:
    patterns = {
        die(store, n_committed, journaled): (n_committed, journaled)
        for n_committed in range(N + 1)
        for journaled in itertools.product((False, True), repeat=N)
    }
    before = {reading.id: reading for reading in check(store).readings}
    found = {reading.reading_id: reading for reading in recover(store)}
    assert set(found) == set(patterns)
    after = {reading.id: reading for reading in store.check().readings}
    for reading_id, (n_committed, journaled) in patterns.items():
        safe = [index for index in range(N) if index < n_committed or journaled[index]]
        from_journal = [index for index in safe if index >= n_committed]
        missing = max(safe, default=-1) + 1 - len(safe)
        assert (before[reading_id].n_samples, before[reading_id].state) == (len(safe) * SAMPLES, "recording")
        assert before[reading_id].last_durable_ns == (int(batch(safe[-1]).gaze.host_ns[-1]) if safe else START)
        assert (after[reading_id].n_samples, after[reading_id].n_gaps) == (len(safe) * SAMPLES, missing)
        assert (after[reading_id].n_audio_samples, after[reading_id].last_durable_ns) == (
            len(safe) * 480,
            before[reading_id].last_durable_ns,
        )
        assert (found[reading_id].n_samples, found[reading_id].n_from_journal) == (len(safe) * SAMPLES, len(from_journal) * SAMPLES)
        notes = [note.text for note in store.notifications(reading_id) if note.kind == "focus"]
        assert notes == [f"note {index}" for index in safe if index % 2]
        assert len(store.edits(reading_id)) == sum(index for index in safe if index % 2)
        if not missing:
            expected = [int(ns) for index in safe for ns in batch(index).gaze.host_ns]
            assert store.gaze(reading_id).host_ns.tolist() == expected
            assert found[reading_id].gaze_s == pytest.approx(0.03 * len(safe))
            assert found[reading_id].audio_s == pytest.approx(0.03 * len(safe))
            assert not journal_path(store, store.reading(reading_id).uid).exists()
    assert store.readings(states=("recording",)) == []
    assert recover(store) == ()


@pytest.mark.parametrize("n_written", [0, 1, 2])
def test_a_recovery_that_dies_is_finished_by_the_next(store: Store, monkeypatch: pytest.MonkeyPatch, n_written: int) -> None:
    reading_id = die(store, 1, (True,) * N)
    append, left = store.append, [n_written]

    def dies(*args: object, **kwargs: object) -> Changes:
        if not left[0]:
            raise StoreError("The power is gone.")
        left[0] -= 1
        return append(*args, **kwargs)

    monkeypatch.setattr(store, "append", dies)
    with pytest.raises(StoreError):
        recover(store)
    monkeypatch.setattr(store, "append", append)
    assert store.reading(reading_id).state == "recording"
    (found,) = recover(store)
    assert (found.n_samples, found.n_gaps) == (N * SAMPLES, 0)
    assert store.gaze(reading_id).host_ns.tolist() == [int(ns) for index in range(N) for ns in batch(index).gaze.host_ns]


def test_looking_changes_nothing(store: Store, library: Path) -> None:
    reading_id = die(store, 2, (True,) * N)
    path = journal_path(store, store.reading(reading_id).uid)
    content = path.read_bytes()
    store.close()
    before = library.read_bytes()
    with Store.open(library, read_only=True) as seen:
        (health,) = check(seen).readings
        assert (health.n_samples, health.n_audio_samples, health.state) == (N * SAMPLES, N * 480, "recording")
    assert (library.read_bytes(), path.read_bytes()) == (before, content)


def test_readings_wait_to_be_judged(store: Store) -> None:
    one, two = die(store, 2, (True,) * 2), die(store, 3, (False,) * 3)
    found = recover(store)
    assert [reading.reading_id for reading in found] == [one, two]
    assert [reading.reading_id for reading in waiting(store)] == [one, two]
    assert (found[0].reader, found[0].patient, found[0].started_utc) == ("Dr A", "P001", UTC)
    store.decide(one, ReadingDecision(START, UTC, "kept", "", {}))
    assert [reading.reading_id for reading in waiting(store)] == [two]
    store.decide(two, ReadingDecision(START, UTC, "discarded", "too short", {}))
    assert waiting(store) == ()
    assert store.reading(two).state == "discarded"


def test_a_torn_journal_gives_what_is_whole(store: Store) -> None:
    reading_id = die(store, 1, (True,) * N)
    path = journal_path(store, store.reading(reading_id).uid)
    path.write_bytes(path.read_bytes()[:-5])
    (found,) = recover(store)
    assert (found.n_samples, found.n_gaps, found.n_from_journal) == ((N - 1) * SAMPLES, 0, (N - 2) * SAMPLES)
    assert not path.exists()


def test_a_journal_of_another_version_is_said_and_left(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr(journal_module, "FORMAT", "egma-journal-2")
        reading_id = die(store, 1, (True,) * N)
    path = journal_path(store, store.reading(reading_id).uid)
    assert check(store).readings[0].n_samples == SAMPLES
    (found,) = recover(store)
    assert (found.n_samples, found.n_from_journal) == (SAMPLES, 0)
    assert "is no journal that this program reads" in store.notifications(reading_id)[-1].text
    assert path.exists()


def test_the_journal_of_a_reading_that_ended_goes_only_when_nothing_is_lost_with_it(store: Store) -> None:
    whole, lacking = die(store, N, (True,) * N), die(store, N - 1, (True,) * N)
    for reading_id in (whole, lacking):
        store.end_reading(reading_id, "complete", START + 10**9)
    assert recover(store) == ()
    assert not journal_path(store, store.reading(whole).uid).exists()
    assert journal_path(store, store.reading(lacking).uid).exists()
