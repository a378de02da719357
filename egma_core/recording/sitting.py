"""What the capture process opens for a sitting: library, tracker, microphone, session, and what sets the reader up."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from egma_core.errors import EgmaError
from egma_core.recording.audio_source import Microphone
from egma_core.recording.calibrating import Calibrating
from egma_core.recording.clock import Clock
from egma_core.recording.microphone import open_microphone
from egma_core.recording.progress import Ending
from egma_core.recording.protocol import parse_protocol
from egma_core.recording.reports import tracker_fields
from egma_core.recording.requests import OpenRequest
from egma_core.recording.session import CaptureSession
from egma_core.store.store import Store
from egma_core.trackers.driver import TrackerRequest
from egma_core.trackers.drivers import Opening
from egma_core.trackers.tracker import Tracker

CHUNK_S = 0.1


@dataclass(frozen=True)
class Sitting:
    """An open sitting.

    Attributes:
        store: The library.
        session: Its recorder, and the lock on the library.
        tracker: The tracker.
        microphone: The microphone, or None.
        calibrating: Carries out what sets the reader up.
    """

    store: Store
    session: CaptureSession
    tracker: Tracker
    microphone: Microphone | None
    calibrating: Calibrating

    def close(self) -> Ending | None:
        """Abort a reading in progress once it is stored, and let everything go; how it ended, or None where there was none.

        Raises:
            EgmaError: Part of the reading cannot be stored, or a device does not stop.
        """
        with contextlib.closing(self.store):
            try:
                self.calibrating.close()
            finally:
                ending = self.session.close()
        return ending

    def ready_fields(self) -> dict[str, Any]:
        """`ready`: what there is to record with."""
        return {
            "session_id": self.session.session_id,
            "tracker": tracker_fields(self.tracker.description),
            "microphone": None if self.microphone is None else dataclasses.asdict(self.microphone.description),
            "free_bytes": self.session.recorder.disk.free_bytes(),
        }


class ComingSitting:
    """A sitting whose tracker is being opened beside the caller."""

    def __init__(self, wanted: OpenRequest, clock: Clock) -> None:
        """Open the library and begin to open the tracker.

        Raises:
            EgmaError: The library cannot be opened, there is nothing to replay, or the study protocol cannot be used.
        """
        self._wanted = wanted
        self._clock = clock
        self._limits = parse_protocol(wanted.protocol_toml).gate if wanted.protocol_toml else None
        self._store = Store.open(wanted.library)
        try:
            self._opening = Opening(wanted.tracker, self._tracker_request())
        except EgmaError:
            self._store.close()
            raise

    @property
    def done(self) -> bool:
        """Whether the tracker is open, or is known not to open."""
        return self._opening.done

    def sit_down(self, emit: Callable[..., object]) -> Sitting:
        """Begin the sitting, or give everything back.

        Args:
            emit: Called with the name and the fields of what the set-up tells.

        Raises:
            EgmaError: Tracker, microphone or library cannot be used.
        """
        devices: list[Tracker | Microphone] = []
        try:
            tracker = self._opening.tracker()
            devices.append(tracker)
            microphone = self._microphone()
            devices += [] if microphone is None else [microphone]
            session = self._session(tracker, microphone)
        except EgmaError:
            for device in devices:
                device.close()
            self._store.close()
            raise
        calibrating = Calibrating(self._store, self._clock, tracker, session.session_id, self._wanted.screen, emit)
        return Sitting(self._store, session, tracker, microphone, calibrating)

    def abandon(self) -> None:
        """Nobody wants it any more."""
        self._opening.abandon()
        self._store.close()

    def _tracker_request(self) -> TrackerRequest:
        choices = dict(self._wanted.tracker_choices)
        reading_id = choices.pop("reading_id", None)
        samples = None if reading_id is None else self._store.gaze(reading_id)
        title = "" if reading_id is None else f"reading {reading_id}"
        return TrackerRequest(self._clock.now_ns, self._wanted.screen, samples=samples, title=title, **choices)

    def _microphone(self) -> Microphone | None:
        wanted = self._wanted
        return open_microphone(wanted.microphone, self._clock.now_ns, wanted.microphone_options) if wanted.microphone else None

    def _session(self, tracker: Tracker, microphone: Microphone | None) -> CaptureSession:
        wanted = self._wanted
        return CaptureSession(
            self._store,
            self._clock,
            tracker,
            reader=wanted.reader,
            screen=wanted.screen,
            microphone=microphone,
            limits=self._limits,
            protocol_name=wanted.protocol_name,
            protocol_toml=wanted.protocol_toml,
            chunk_ms=round(1000 * CHUNK_S),
            background=True,
        )
