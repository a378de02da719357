"""One sitting: the library claimed, what a dead process left behind recovered, and a recorder ready to begin."""

from __future__ import annotations

import dataclasses
from importlib import metadata
from types import TracebackType

from egma_core.geometry import Screen
from egma_core.recording.audio_source import Microphone
from egma_core.recording.clock import Clock
from egma_core.recording.gate import GateLimits
from egma_core.recording.lock import RecordingLock
from egma_core.recording.progress import Ending
from egma_core.recording.recorder import Recorder
from egma_core.recording.recovery import recover
from egma_core.store.store import Store
from egma_core.store.values import CaptureSessionRecord
from egma_core.trackers.tracker import Tracker


class CaptureSession:
    """One sitting of one reader at one screen with one tracker; a context manager.

    Attributes:
        session_id: Its id in the store.
        recorder: Records its readings.
        recovered: Readings that a process had left unfinished; they are marked as recovered now.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        tracker: Tracker,
        *,
        reader: str,
        screen: Screen,
        microphone: Microphone | None = None,
        limits: GateLimits | None = None,
        protocol_name: str = "",
        protocol_toml: str = "",
        chunk_ms: int = 100,
        background: bool = False,
    ) -> None:
        """Open a sitting.

        Args:
            store: The library.
            clock: The clock that all is recorded on.
            tracker: Where gaze comes from; the sitting closes it.
            reader: Who reads.
            screen: The monitor.
            microphone: Where audio comes from, or None; the sitting closes it.
            limits: Limits of the gate; by default the usual ones.
            protocol_name: Name of the study protocol that prescribes how it is done, or "".
            protocol_toml: That protocol, as it is kept with the sitting.
            chunk_ms: How often the recorder writes.
            background: Whether its commits have a thread of their own.

        Raises:
            RecordingError: Another process records into the library.
            StoreError: The library cannot be written.
        """
        self._lock = RecordingLock(store.files)
        self._tracker = tracker
        self._microphone = microphone
        try:
            self.recovered = recover(store)
            reader_id = store.add_reader(reader).id
            assert reader_id is not None
            record = CaptureSessionRecord(
                reader_id,
                screen,
                tracker.description,
                clock.now_ns(),
                clock.utc(),
                metadata.version("egma"),
                protocol_name=protocol_name,
                protocol_toml=protocol_toml,
                microphone={} if microphone is None else dataclasses.asdict(microphone.description),
            )
            session_id = store.begin_session(record).id
            assert session_id is not None
        except BaseException:
            self._lock.release()
            raise
        self.session_id = session_id
        self.recorder = Recorder(store, clock, tracker, chunk_ms=chunk_ms, microphone=microphone, limits=limits, background=background)

    def close(self) -> Ending | None:
        """Abort a reading that is still being recorded, once all of it is stored, and let devices and library go.

        Returns:
            How that reading ended, or None where there was none.

        Raises:
            RecordingError: Part of that reading cannot be stored; its journal has it as far as the disk took it.
        """
        try:
            if self.recorder.reading_id is None:
                return None
            return self.recorder.end("aborted", "The program was closed during the reading.")
        finally:
            self.recorder.close()
            self._tracker.close()
            if self._microphone is not None:
                self._microphone.close()
            self._lock.release()

    def __enter__(self) -> CaptureSession:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
