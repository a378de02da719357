"""What a process that died left behind: brought from its journal into the database, counted, and kept for a person to judge."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from egma_core.errors import RecordingError, StoreError
from egma_core.gaze.samples import GazeSamples
from egma_core.recording.journal import discard_journal, journal_path, read_journal, rows_in
from egma_core.store.store import Store
from egma_core.store.values import Health, Notification, RawBatch, ReadingEntry, ReadingHealth


@dataclass(frozen=True)
class Recovered:
    """A reading that its process did not end.

    Attributes:
        reading_id: The reading.
        reader: Who read.
        patient: Pseudonym of the patient.
        started_utc: When it began, aware, in UTC.
        gaze_s: Seconds of gaze that are safe.
        audio_s: Seconds of audio that are safe.
        n_samples: Gaze samples that are safe.
        n_gaps: Chunks of gaze and audio that are missing or damaged.
        n_from_journal: Samples that only the journal had, where this was just found out.
    """

    reading_id: int
    reader: str
    patient: str
    started_utc: datetime
    gaze_s: float
    audio_s: float
    n_samples: int
    n_gaps: int
    n_from_journal: int = 0


def recover(store: Store) -> tuple[Recovered, ...]:
    """Bring what only journals hold into the database and end, as recovered, every reading that was left unfinished.

    For whoever holds the recording lock of the library. It may die at any moment, and do the rest the next time.

    Returns:
        The readings that were found unfinished.

    Raises:
        StoreError: The library cannot be written; nothing is lost.
    """
    from_journal = {reading.id: _bring_in(store, reading) for reading in store.readings(states=("recording",))}
    if from_journal:
        store.recover_readings()
    _clear_away(store)
    return tuple(_described(store, store.reading(reading_id), n) for reading_id, n in from_journal.items())


def waiting(store: Store) -> tuple[Recovered, ...]:
    """The recovered readings that nobody has judged yet, in the order they began."""
    return tuple(_described(store, reading) for reading in store.undecided())


def check(store: Store) -> Health:
    """`Store.check`, and counted with it what of unfinished readings is safe in their journals only; nothing is changed."""
    health = store.check()
    if not any(reading.state == "recording" for reading in health.readings):
        return health
    uids = {reading.id: reading.uid for reading in store.readings(states=("recording",))}
    found = [_with_journal(store, reading, uids[reading.id]) if reading.id in uids else reading for reading in health.readings]
    return dataclasses.replace(health, readings=tuple(found))


def _bring_in(store: Store, reading: ReadingEntry) -> int:
    """Store what of a journal the database lacks, each row under its own number; returns how many samples that were."""
    n_samples, end_ns = 0, reading.started_ns
    try:
        for next_seq, batch in _beyond(store, reading.id, reading.uid):
            store.append(reading.id, batch, next_seq=next_seq)
            n_samples += len(batch.gaze)
            end_ns = max(end_ns, _last_ns(batch))
        words = f"{n_samples} samples came back from the journal." if n_samples else ""
    except RecordingError as error:
        words = error.what
    if words:
        store.append(
            reading.id, RawBatch(GazeSamples.blank(0, reading.gaze_origin), notifications=(Notification(end_ns, "journal", words),))
        )
    return n_samples


def _beyond(store: Store, reading_id: int, uid: str) -> Iterable[tuple[Mapping[str, int], RawBatch]]:
    """What of a reading's journal the database lacks: batches with the sequence numbers of their first rows."""
    path = journal_path(store, uid)
    if not path.exists():
        return
    reached = store.tail(reading_id).next_seq
    for frame in read_journal(path):
        left = frame.beyond(reached)
        if left.batch:
            yield left.next_seq, left.batch
            rows = rows_in(left.batch)
            reached = {name: seq + rows[name] for name, seq in left.next_seq.items()}


def _with_journal(store: Store, health: ReadingHealth, uid: str) -> ReadingHealth:
    n_samples, n_audio, last_ns = health.n_samples, health.n_audio_samples, health.last_durable_ns
    with contextlib.suppress(RecordingError, StoreError):  # it has just ended, or its journal is of another kind
        for _, batch in _beyond(store, health.id, uid):
            n_samples += len(batch.gaze)
            n_audio += sum(len(chunk.samples) for chunk in batch.audio)
            last_ns = max(last_ns, int(batch.gaze.host_ns[-1])) if len(batch.gaze) else last_ns
    return dataclasses.replace(health, n_samples=n_samples, n_audio_samples=n_audio, last_durable_ns=last_ns)


def _last_ns(batch: RawBatch) -> int:
    """Host clock of the last thing in a batch."""
    moments = [int(batch.gaze.host_ns[-1])] if len(batch.gaze) else []
    moments += [happened.host_ns for happened in (*batch.viewports, *batch.notifications, *batch.edits)]
    moments += [happened.offset_ns for happened in (*batch.sentences, *batch.words)]
    moments += [chunk.t1_ns for chunk in batch.audio]
    return max(moments)


def _clear_away(store: Store) -> None:
    """Remove the journals of readings that have ended and are whole in the database."""
    folder = store.files / "journal"
    names = {path.stem for path in folder.glob("*.journal")} if folder.is_dir() else set[str]()
    if not names:
        return
    for reading in store.readings():
        if reading.uid in names and reading.state != "recording" and _is_whole(store, reading):
            discard_journal(journal_path(store, reading.uid))


def _is_whole(store: Store, reading: ReadingEntry) -> bool:
    """Whether the database gives back all that an ended reading's journal has."""
    needed = dict.fromkeys(rows_in(RawBatch(GazeSamples.blank(0, reading.gaze_origin))), 0)
    last_gaze_ns = reading.started_ns
    try:
        for frame in read_journal(journal_path(store, reading.uid)):
            needed = {name: frame.next_seq[name] + n for name, n in rows_in(frame.batch).items()}
            last_gaze_ns = int(frame.batch.gaze.host_ns[-1]) if len(frame.batch.gaze) else last_gaze_ns
        gaze = store.gaze(reading.id)
        stored = {
            "viewport": len(store.viewports(reading.id)),
            "sentence": len(store.recorded_sentences(reading.id)),
            "notification": len(store.notifications(reading.id)),
            "audio_chunk": len(store.audio_chunks(reading.id)),
            "text_edit": len(store.edits(reading.id)),
            "word": len(store.words(reading.id)),
        }
    except (RecordingError, StoreError):
        return False
    gaze_is_there = not needed["gaze_chunk"] or (len(gaze) > 0 and int(gaze.host_ns[-1]) >= last_gaze_ns)
    return gaze_is_there and all(stored[name] >= needed[name] for name in stored)


def _described(store: Store, reading: ReadingEntry, n_from_journal: int = 0) -> Recovered:
    """A recovered reading in figures."""
    health = store.reading_health(reading.id)
    gaze_s = audio_s = 0.0
    with contextlib.suppress(StoreError):  # damaged, as `n_gaps` says
        gaze = store.gaze(reading.id)
        gaze_s = float(gaze.host_ns[-1] - reading.started_ns) / 1e9 if len(gaze) else 0.0
    with contextlib.suppress(StoreError):
        audio_s = sum(len(chunk.samples) / chunk.rate_hz for chunk in store.audio_chunks(reading.id))
    return Recovered(
        reading.id,
        reading.reader,
        reading.study.patient,
        reading.started_utc,
        gaze_s=gaze_s,
        audio_s=audio_s,
        n_samples=health.n_samples,
        n_gaps=health.n_gaps + health.n_audio_gaps,
        n_from_journal=n_from_journal,
    )
