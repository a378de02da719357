"""The streams of a reading, gaze and audio, started, drained and stopped together; one that fails does not stop the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from egma_core.errors import EgmaError, TrackerError
from egma_core.gaze.samples import GazeOrigin, GazeSamples
from egma_core.recording.audio_source import Microphone
from egma_core.recording.watch import Trouble
from egma_core.store.values import AudioChunk, ClockFit, Notification
from egma_core.trackers.tracker import Tracker, TrackerEvent


@dataclass(frozen=True)
class Drained:
    """What has come since the last call.

    Attributes:
        gaze: Samples.
        audio: Chunks of audio.
        level_db: Level of the microphone just now, or None without one.
        events: What happened to the tracker.
        troubles: What happened to the microphone.
        notes: All of that, and streams that fail or work again (told once each time), for the reading's log.
        trouble: Why the tracker gives nothing, or None.
    """

    gaze: GazeSamples
    audio: tuple[AudioChunk, ...]
    level_db: float | None
    events: tuple[TrackerEvent, ...]
    troubles: tuple[Trouble, ...]
    notes: tuple[Notification, ...]
    trouble: TrackerError | None


class Streams:
    """A tracker and, perhaps, a microphone; used from one thread."""

    def __init__(self, tracker: Tracker, microphone: Microphone | None, now_ns: Callable[[], int]) -> None:
        """Nothing is started yet."""
        description = tracker.description
        self.origin: GazeOrigin = description.origin
        self.rate_hz = description.rate_hz
        self.audio_hz = 0 if microphone is None else microphone.description.rate_hz
        self._tracker = tracker
        self._microphone = microphone
        self._now_ns = now_ns
        self._failing: dict[str, str] = {}

    def start(self) -> None:
        """Begin both streams, or neither.

        Raises:
            EgmaError: One of them does not start.
        """
        self._failing = {}
        self._tracker.start()
        if self._microphone is not None:
            try:
                self._microphone.start()
            except EgmaError:
                self._tracker.stop()
                raise

    def stop(self) -> tuple[Notification, ...]:
        """End both; what has come already can still be drained. Answers with what went wrong, for the reading's log."""
        wrong: list[Notification] = []
        for what, stream in (("tracker", self._tracker), ("audio", self._microphone)):
            if stream is not None:
                try:
                    stream.stop()
                except EgmaError as error:
                    wrong.append(Notification(self._now_ns(), what, error.what))
        return tuple(wrong)

    def drain(self) -> Drained:
        """What has come since the last call."""
        notes: list[Notification] = []
        gaze, trouble = self._gaze()
        audio, level_db, troubles = self._audio()
        notes += self._changed("tracker", trouble, "The tracker works again.")
        events = tuple(self._tracker.events())
        notes += [Notification(event.host_ns, f"tracker_{event.kind}", event.text) for event in events]
        notes += [Notification(trouble.host_ns, trouble.kind, trouble.text) for trouble in troubles]
        return Drained(gaze, audio, level_db, events, troubles, tuple(notes), trouble)

    def audio_fit(self) -> ClockFit | None:
        """How well the microphone's clock fits the host's, or None where that is not known."""
        return None if self._microphone is None else self._microphone.clock_fit()

    def _gaze(self) -> tuple[GazeSamples, TrackerError | None]:
        try:
            return self._tracker.drain(), None
        except TrackerError as error:
            return GazeSamples.blank(0, self.origin), error

    def _audio(self) -> tuple[tuple[AudioChunk, ...], float | None, tuple[Trouble, ...]]:
        microphone = self._microphone
        if microphone is None:
            return (), None, ()
        chunks: tuple[AudioChunk, ...] = ()
        troubles: list[Trouble] = []
        failed: EgmaError | None = None
        try:
            chunks = tuple(microphone.drain())
        except EgmaError as error:
            failed = error
        troubles += [Trouble(event.host_ns, "audio", event.text) for event in microphone.events()]
        troubles += [Trouble(note.host_ns, "audio", note.text) for note in self._changed("audio", failed, "The microphone works again.")]
        return chunks, microphone.level_db(), tuple(troubles)

    def _changed(self, what: str, trouble: EgmaError | None, again: str) -> list[Notification]:
        """A note where a stream has just failed, failed in another way, or works again."""
        words = trouble.what if trouble else ""
        if words == self._failing.get(what, ""):
            return []
        self._failing[what] = words
        return [Notification(self._now_ns(), what, words or again)]
