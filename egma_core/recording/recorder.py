"""`Recorder`: one reading at a time, written chunk by chunk as it happens, on whatever clock it is given.

Every chunk is one batch that holds all that happened up to one moment: gaze, audio, viewports, words, notifications.
What cannot be written stays in memory and is tried again with the next chunk; nothing is dropped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from egma_core.errors import RecordingError, StoreError
from egma_core.gaze.viewport import Viewport
from egma_core.recording.audio_source import Microphone
from egma_core.recording.clock import Clock, GazeClock
from egma_core.recording.gate import Gate, GateLimits, WholeReading, judge
from egma_core.recording.happenings import Happenings
from egma_core.recording.journal import Journal, discard_journal, journal_path
from egma_core.recording.progress import Ending, Progress
from egma_core.recording.recent import RecentSamples, mean_distance_mm
from egma_core.recording.streams import Streams
from egma_core.recording.watch import Disk, Watch
from egma_core.recording.writer import RawWriter, Written
from egma_core.store.store import Store
from egma_core.store.values import ClockFit, HeardWord, Notification, ReadingState, SpokenSentence, TextEdit
from egma_core.trackers.tracker import Tracker

_LAST_PATIENCE_S = 5.0


@dataclass
class _Reading:
    """The reading that is being recorded."""

    id: int
    writer: RawWriter
    watch: Watch
    recent: RecentSamples
    whole: WholeReading
    clock: GazeClock = field(default_factory=GazeClock)
    fits: tuple[ClockFit, ...] = ()


class Recorder:
    """Records readings of one capture session; used from one thread.

    Attributes:
        limits: Limits of the gate.
        disk: The room there is.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        tracker: Tracker,
        *,
        chunk_ms: int = 100,
        microphone: Microphone | None = None,
        limits: GateLimits | None = None,
        background: bool = False,
    ) -> None:
        """Record from `tracker` and `microphone` into `store`.

        Args:
            store: The library.
            clock: The clock that all is recorded on.
            tracker: Where gaze comes from.
            chunk_ms: Length of a chunk on that clock.
            microphone: Where audio comes from, or None.
            limits: Limits of the gate; by default the usual ones.
            background: Whether commits have a thread of their own, so that none of them holds up the next chunk.
        """
        self._store = store
        self._clock = clock
        self._streams = Streams(tracker, microphone, clock.now_ns)
        self._chunk_ns = chunk_ms * 1_000_000
        self._background = background
        self.limits = limits or GateLimits()
        self.disk = Disk.of(store.files, self._streams.rate_hz, self._streams.audio_hz)
        self._reading: _Reading | None = None
        self._happenings = Happenings()
        self._started_ns = self._next_ns = 0

    @property
    def reading_id(self) -> int | None:
        """The reading being recorded, or None."""
        return None if self._reading is None else self._reading.id

    @property
    def started_ns(self) -> int:
        """Host clock at the start of the latest reading."""
        return self._started_ns

    @property
    def next_ns(self) -> int:
        """Host clock of the next chunk's end."""
        return self._next_ns

    @property
    def disk_is_full(self) -> bool:
        """Whether the reading must end for want of room."""
        return self._reading is not None and self._reading.watch.disk_is_full

    def begin(self, session_id: int, study_id: int) -> int:
        """Begin a reading, the tracker's stream and the microphone's; returns the reading's id.

        Raises:
            RecordingError: Another reading is being recorded, or the disk has too little room. Nothing was begun.
            StoreError: The reading cannot be stored; nothing was begun.
            TrackerError: The tracker does not start; nothing was begun.
            EgmaError: The microphone does not start; nothing was begun.
        """
        if self._reading is not None:
            raise RecordingError(f"Reading {self._reading.id} is still being recorded.", "End it before beginning another.")
        self.disk.require()
        started_ns, started_utc = self._clock.now_ns(), self._clock.utc()
        self._streams.start()
        try:
            reading_id = self._store.begin_reading(session_id, study_id, started_ns, started_utc).id
            assert reading_id is not None
            journal = self._new_journal(reading_id)
            writer = RawWriter(self._store, reading_id, started_ns, self._clock.now_ns, journal, background=self._background)
        except StoreError:
            self._streams.stop()
            raise
        self._happenings = Happenings(self._happenings.viewports)
        self._started_ns, self._next_ns = started_ns, started_ns + self._chunk_ns
        self._reading = _Reading(
            reading_id,
            writer,
            Watch(self.disk, self._clock),
            RecentSamples(self._streams.rate_hz, started_ns),
            WholeReading(self._streams.rate_hz, started_ns),
        )
        return reading_id

    def show(self, viewport: Viewport) -> None:
        """A frame was painted; between readings, the last one opens the next reading's log."""
        if self._reading is None:
            self._happenings.viewports.clear()
        self._happenings.viewports.append(viewport)

    def say(self, sentence: SpokenSentence) -> None:
        """A sentence was finished."""
        self._require_reading()
        self._happenings.sentences.append(sentence)

    def edit(self, edit: TextEdit) -> None:
        """Text was typed or deleted."""
        self._require_reading()
        self._happenings.edits.append(edit)

    def hear(self, words: Sequence[HeardWord]) -> None:
        """Words were heard."""
        self._require_reading()
        self._happenings.words += words

    def note(self, kind: str, text: str) -> None:
        """Something else happened, now."""
        self._require_reading()
        self._happenings.notifications.append(Notification(self._clock.now_ns(), kind, text))

    def gate(self) -> Gate:
        """How the reading stands at the gate so far.

        Raises:
            RecordingError: No reading is being recorded.
        """
        whole = self._require_reading().whole
        return judge(whole.loss, whole.longest_gap_s, self.limits, is_gaze=self._streams.origin != "mouse")

    def step(self) -> Progress:
        """Write everything that has happened by now, after whatever still waits from before.

        Trouble with tracker, microphone or store is part of the answer, not an error, so that recording goes on through it.

        Raises:
            RecordingError: No reading is being recorded.
        """
        return self._write_until(self._clock.now_ns())

    def step_if_due(self) -> Progress | None:
        """`step` once a chunk is over, else None.

        Raises:
            RecordingError: No reading is being recorded.
        """
        if self._clock.now_ns() < self._next_ns:
            return None
        progress = self.step()
        late_ns = max(self._clock.now_ns() - self._next_ns, 0)
        self._next_ns += self._chunk_ns * (1 + late_ns // self._chunk_ns)
        return progress

    def run(self, until_ns: int) -> Progress:
        """Step every chunk until the clock reaches `until_ns`, and say how the recording stands then.

        Raises:
            RecordingError: No reading is being recorded.
        """
        progress = Progress(self._require_reading().writer.written)
        while self._next_ns <= until_ns:
            self._clock.wait_until(self._next_ns)
            progress = self.step_if_due() or progress
        self._clock.wait_until(until_ns)
        return progress

    def end(self, state: ReadingState = "complete", note: str = "") -> Ending:
        """End the reading once all of it is in the database; its journal goes when that has been read back and is whole.

        Raises:
            RecordingError: No reading is being recorded, or part of it cannot be stored; it is still in memory, and `end`
                can be tried again.
            StoreError: All of it is stored, but not how it ended; `end` can be tried again.
        """
        reading = self._require_reading()
        self._happenings.notifications += self._streams.stop()
        now_ns = self._clock.now_ns()
        self._write_until(now_ns, everything=True)
        if not reading.writer.flush(_LAST_PATIENCE_S):
            why = str(reading.writer.written.trouble or "")
            raise RecordingError(
                f"The last part of reading {reading.id} is not stored yet. {why}", "Put that right, then end the reading again."
            )
        self._store_fits(reading)
        self._store.end_reading(reading.id, state, now_ns, note)
        ending = Ending(self.gate(), reading.fits, reading.writer.latencies_ms())
        self._reading = None
        written, journal = reading.writer.written, reading.writer.close()
        if journal is not None and _is_whole(self._store, reading.id, written):
            discard_journal(journal.path)
        return ending

    def close(self) -> None:
        """Let go of a reading that could not be ended: its journal stays, for the next start to recover."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.writer.close()

    # -- inside

    def _require_reading(self) -> _Reading:
        if self._reading is None:
            raise RecordingError("No reading is being recorded.", "Begin one first.")
        return self._reading

    def _new_journal(self, reading_id: int) -> Journal | None:
        """The reading's journal; without one the database alone must do, and `journal_ok` says so."""
        with contextlib.suppress(RecordingError, StoreError):
            uid = self._store.reading(reading_id).uid
            return Journal(journal_path(self._store, uid), uid)
        return None

    def _write_until(self, until_ns: int, *, everything: bool = False) -> Progress:
        reading = self._require_reading()
        drained = self._streams.drain()
        dangers = tuple(reading.watch.look())
        self._happenings.notifications += drained.notes
        self._happenings.notifications += [Notification(danger.host_ns, danger.kind, danger.text) for danger in dangers]
        for kept in (reading.recent, reading.whole):
            kept.add(until_ns, drained.gaze)
        reading.clock.add(drained.gaze)
        reading.writer.write(until_ns, self._happenings.take(drained.gaze, drained.audio, None if everything else until_ns))
        written = reading.writer.written
        return Progress(
            written,
            trouble=written.trouble or drained.trouble,
            rate_hz=reading.recent.rate_hz,
            loss=reading.recent.loss,
            loss_reading=reading.whole.loss,
            longest_gap_s=reading.whole.longest_gap_s,
            distance_mm=mean_distance_mm(drained.gaze),
            audio_level_db=drained.level_db,
            free_bytes=reading.watch.free_bytes,
            events=drained.events,
            troubles=(*drained.troubles, *dangers),
        )

    def _store_fits(self, reading: _Reading) -> None:
        """How well the clocks fit, into the store, each once however often `end` is tried."""
        fits = [fit for fit in (reading.clock.fit(), self._streams.audio_fit()) if fit is not None]
        for fit in fits[len(reading.fits) :]:
            self._store.add_clock_fit(reading.id, fit)
            reading.fits += (fit,)


def _is_whole(store: Store, reading_id: int, written: Written) -> bool:
    """Whether all that was written of a reading can be read back, every chunk by its checksum."""
    try:
        n_audio = sum(len(chunk.samples) for chunk in store.audio_chunks(reading_id))
        return len(store.gaze(reading_id)) == written.n_samples and n_audio == written.n_audio_samples
    except StoreError:
        return False
