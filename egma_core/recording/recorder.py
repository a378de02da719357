"""`Recorder`: one reading at a time, stored chunk by chunk as it happens, on whatever clock it is given.

Every chunk is one transaction that holds all that happened up to one moment: samples, viewports, sentences, notifications.
What the store refuses stays in memory and is tried again with the next chunk; nothing is dropped.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from egma_core.errors import EgmaError, RecordingError, StoreError, TrackerError
from egma_core.gaze.samples import GazeOrigin, GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.recording.clock import Clock
from egma_core.recording.recent import RecentSamples
from egma_core.store.store import Store
from egma_core.store.values import Notification, RawBatch, ReadingState, SpokenSentence
from egma_core.trackers.tracker import Tracker

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How a recording stands.

    Attributes:
        safe_from_ns: Where the stretch begins that this step stored.
        safe_up_to_ns: Everything that happened up to this host time is on the disk.
        n_samples: Samples on the disk.
        n_chunks: Transactions that brought something.
        n_waiting: Samples, viewports, sentences and notifications still in memory because storing failed.
        trouble: Why the tracker or the store failed this time, or None.
        rate_hz: Samples per second over the last 10 s.
        loss: Share of the expected samples in the last 10 s in which neither eye was seen.
    """

    safe_from_ns: int
    safe_up_to_ns: int
    n_samples: int
    n_chunks: int
    n_waiting: int = 0
    trouble: EgmaError | None = None
    rate_hz: float = 0.0
    loss: float = 0.0


class Recorder:
    """Records readings of one capture session; used from one thread."""

    def __init__(self, store: Store, clock: Clock, tracker: Tracker, *, chunk_ms: int = 100) -> None:
        """Record from `tracker` into `store`, a chunk every `chunk_ms` of `clock`."""
        self._store = store
        self._clock = clock
        self._tracker = tracker
        self._origin: GazeOrigin = tracker.description.origin
        self._chunk_ns = chunk_ms * 1_000_000
        self._reading_id: int | None = None
        self._reset(0)

    @property
    def reading_id(self) -> int | None:
        """The reading being recorded, or None."""
        return self._reading_id

    @property
    def started_ns(self) -> int:
        """Host clock at the start of the latest reading."""
        return self._started_ns

    @property
    def next_ns(self) -> int:
        """Host clock of the next chunk's end."""
        return self._next_ns

    def begin(self, session_id: int, study_id: int) -> int:
        """Begin a reading and the tracker's stream; returns the reading's id.

        Raises:
            RecordingError: Another reading is being recorded.
            StoreError: The reading cannot be stored.
            TrackerError: The tracker does not start; no reading was begun.
        """
        if self._reading_id is not None:
            raise RecordingError(f"Reading {self._reading_id} is still being recorded.", "End it before beginning another.")
        started_ns, started_utc = self._clock.now_ns(), self._clock.utc()
        self._tracker.start()
        try:
            changes = self._store.begin_reading(session_id, study_id, started_ns, started_utc)
        except StoreError:
            self._tracker.stop()
            raise
        on_screen = self._viewports
        self._reset(started_ns)
        self._viewports = on_screen
        self._reading_id = changes.id
        return self._require_reading()

    def show(self, viewport: Viewport) -> None:
        """A frame was painted; between readings, the last one opens the next reading's log."""
        if self._reading_id is None:
            self._viewports.clear()
        self._viewports.append(viewport)

    def say(self, sentence: SpokenSentence) -> None:
        """A sentence was finished."""
        self._require_reading()
        self._sentences.append(sentence)

    def note(self, kind: str, text: str) -> None:
        """Something else happened, now."""
        self._require_reading()
        self._notifications.append(Notification(self._clock.now_ns(), kind, text))

    def step(self) -> Progress:
        """Store everything that has happened by now, in one transaction, after whatever still waits from before.

        Trouble with the tracker or the store is part of the answer, not an error, so that recording goes on through it.

        Raises:
            RecordingError: No reading is being recorded.
        """
        self._require_reading()
        return self._store_until(self._clock.now_ns())

    def run(self, until_ns: int) -> Progress:
        """Step every chunk until the clock reaches `until_ns`, and say how the recording stands then.

        Raises:
            RecordingError: No reading is being recorded.
        """
        self._require_reading()
        while self._next_ns <= until_ns:
            self._clock.wait_until(self._next_ns)
            self.step()
            late_ns = max(self._clock.now_ns() - self._next_ns, 0)
            self._next_ns += self._chunk_ns * (1 + late_ns // self._chunk_ns)
        self._clock.wait_until(until_ns)
        return self._progress

    def end(self, state: ReadingState = "complete", note: str = "") -> Progress:
        """End the reading once all of it is on the disk.

        Raises:
            RecordingError: No reading is being recorded, or part of it cannot be stored; it is still in memory, and `end`
                can be tried again.
            StoreError: All of it is stored, but not how it ended; `end` can be tried again.
        """
        reading_id = self._require_reading()
        try:
            self._tracker.stop()
        except TrackerError as error:
            self.note("tracker", error.what)
        now_ns = self._clock.now_ns()
        progress = self._store_until(now_ns, everything=True)
        if progress.n_waiting:
            why = progress.trouble.what if progress.trouble else ""
            raise RecordingError(
                f"The last part of reading {reading_id} is not stored yet. {why}", "Put that right, then end the reading again."
            )
        self._store.end_reading(reading_id, state, now_ns, note)
        self._reading_id = None
        return progress

    def _reset(self, started_ns: int) -> None:
        self._started_ns = started_ns
        self._next_ns = started_ns + self._chunk_ns
        self._progress = Progress(started_ns, started_ns, 0, 0)
        self._viewports: list[Viewport] = []
        self._sentences: list[SpokenSentence] = []
        self._notifications: list[Notification] = []
        self._waiting: deque[tuple[int, RawBatch]] = deque()
        self._tracker_trouble = ""
        self._recent = RecentSamples(self._tracker.description.rate_hz, started_ns)

    def _require_reading(self) -> int:
        if self._reading_id is None:
            raise RecordingError("No reading is being recorded.", "Begin one first.")
        return self._reading_id

    def _store_until(self, until_ns: int, *, everything: bool = False) -> Progress:
        samples, trouble = self._drain()
        self._recent.add(until_ns, samples)
        batch = self._happened(samples, None if everything else until_ns)
        if batch:
            self._waiting.append((until_ns, batch))
        n_samples, n_chunks, safe_ns = self._progress.n_samples, self._progress.n_chunks, self._progress.safe_up_to_ns
        reading_id = self._require_reading()
        while self._waiting:
            safe_then_ns, first = self._waiting[0]
            try:
                self._store.append(reading_id, first)
            except StoreError as error:
                trouble = error
                break
            self._waiting.popleft()
            n_samples, n_chunks, safe_ns = n_samples + len(first.gaze), n_chunks + 1, safe_then_ns
        self._progress = Progress(
            safe_from_ns=self._progress.safe_up_to_ns,
            safe_up_to_ns=safe_ns if self._waiting else until_ns,
            n_samples=n_samples,
            n_chunks=n_chunks,
            n_waiting=sum(len(waiting) for _, waiting in self._waiting),
            trouble=trouble,
            rate_hz=self._recent.rate_hz,
            loss=self._recent.loss,
        )
        return self._progress

    def _drain(self) -> tuple[GazeSamples, EgmaError | None]:
        """New samples; what happens to the tracker is noted, and that it fails or works again, once each time."""
        trouble: TrackerError | None = None
        try:
            samples = self._tracker.drain()
        except TrackerError as error:
            samples, trouble = GazeSamples.blank(0, self._origin), error
        for event in self._tracker.events():
            self._notifications.append(Notification(event.host_ns, f"tracker_{event.kind}", event.text))
        what = trouble.what if trouble else ""
        if what != self._tracker_trouble:
            self._tracker_trouble = what
            self.note("tracker", what or "The tracker works again.")
        return samples, trouble

    def _happened(self, samples: GazeSamples, until_ns: int | None) -> RawBatch:
        """Take out what has happened by `until_ns` (None: all of it), in order of time."""
        return RawBatch(
            samples,
            tuple(_taken(self._viewports, lambda viewport: viewport.host_ns, until_ns)),
            tuple(_taken(self._sentences, lambda sentence: sentence.offset_ns, until_ns)),
            tuple(_taken(self._notifications, lambda notification: notification.host_ns, until_ns)),
        )


def _taken(pending: list[T], moment: Callable[[T], int], until_ns: int | None) -> list[T]:
    if not pending:
        return []
    pending.sort(key=moment)
    n = len(pending) if until_ns is None else bisect_right(pending, until_ns, key=moment)
    taken, pending[:] = pending[:n], pending[n:]
    return taken
