"""One sitting: the library claimed, what a dead process left behind recovered, and a recorder ready to begin."""

from __future__ import annotations

from importlib import metadata
from types import TracebackType

from egma_core.geometry import Screen
from egma_core.recording.clock import Clock
from egma_core.recording.lock import RecordingLock
from egma_core.recording.recorder import Recorder
from egma_core.store.store import Store
from egma_core.store.values import CaptureSessionRecord
from egma_core.trackers.tracker import Tracker


class CaptureSession:
    """One sitting of one reader at one screen with one tracker; a context manager.

    Attributes:
        session_id: Its id in the store.
        recorder: Records its readings.
        recovered: Ids of readings that a process had left unfinished; they are marked as recovered now.
    """

    def __init__(self, store: Store, clock: Clock, tracker: Tracker, *, reader: str, screen: Screen, chunk_ms: int = 100) -> None:
        """Open a sitting whose recorder commits every `chunk_ms`.

        Raises:
            RecordingError: Another process records into the library.
            StoreError: The library cannot be written.
        """
        self._lock = RecordingLock(store.files)
        self._tracker = tracker
        try:
            self.recovered = store.recover_readings()
            self.session_id = _begin(store, clock, tracker, reader, screen)
        except BaseException:
            self._lock.release()
            raise
        self.recorder = Recorder(store, clock, tracker, chunk_ms=chunk_ms)

    def close(self) -> None:
        """Abort a reading that is still being recorded, once all of it is stored, and let tracker and library go.

        Raises:
            RecordingError: Part of that reading cannot be stored.
        """
        try:
            if self.recorder.reading_id is not None:
                self.recorder.end("aborted", "The program was closed during the reading.")
        finally:
            self._tracker.close()
            self._lock.release()

    def __enter__(self) -> CaptureSession:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _begin(store: Store, clock: Clock, tracker: Tracker, reader: str, screen: Screen) -> int:
    reader_id = store.add_reader(reader).id
    assert reader_id is not None
    record = CaptureSessionRecord(reader_id, screen, tracker.description, clock.now_ns(), clock.utc(), metadata.version("egma"))
    session_id = store.begin_session(record).id
    assert session_id is not None
    return session_id
