"""Listens to a reading while it is recorded, from what is committed of it, and tells what was said."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Literal, Protocol

from egma_core.dictation.sound import ReadingSound
from egma_core.dictation.writing import Written, write_down
from egma_core.errors import ConfigError, SpeechError
from egma_core.speech.activity import SpeechDetector, Utterance, find_utterances
from egma_core.speech.transcriber import Transcriber
from egma_core.store.store import Store

Mode = Literal["continuous", "push"]
"""`continuous`: whatever is said; `push`: only the stretches that `utterance` names."""

_PATIENCE_NS = 3_000_000_000
_LATER_NS = 300_000_000  # of a stretch between two keys: the last word often outlasts the key
_LONGEST_S = 25.0


@dataclass(frozen=True)
class _Asked:
    """A stretch on the host clock, and when it was asked for."""

    onset_ns: int
    offset_ns: int
    asked_ns: int


class Emit(Protocol):
    """Where events go."""

    def __call__(self, event: str, /, **fields: object) -> None:
        """Tell one event."""
        ...


class Listener:
    """One reading at a time. `step` is called over and over and does a little each time: at most one utterance."""

    def __init__(self, store: Store, transcriber: Transcriber, emit: Emit, now_ns: Callable[[], int] = perf_counter_ns) -> None:
        """Listen to nothing yet.

        Args:
            store: The library, to be read only.
            transcriber: What understands speech.
            emit: Takes the events `speaking`, `heard`, `stopped` and `error`.
            now_ns: The host clock.
        """
        self._store = store
        self._transcriber = transcriber
        self._emit = emit
        self._now_ns = now_ns
        self._sound: ReadingSound | None = None
        self._mode: Mode | None = None
        self._detector: SpeechDetector | None = None
        self._from_ns: int | None = None
        self._offset = self._next = 0  # samples before the detector's first, and up to its next
        self._told_speaking = False
        self._stop_ns: int | None = None
        self._asked: deque[_Asked] = deque()
        self._found: deque[tuple[ReadingSound, Utterance]] = deque()

    def listen(self, reading_id: int, mode: Mode) -> None:
        """Listen to a reading: from its beginning the first time, and when it is listened to again from now on.

        Raises:
            StoreError: There is no such reading.
        """
        self._finish()
        self._from_ns = self._now_ns() if self._attend(reading_id) else None
        self._mode, self._stop_ns = mode, None

    def utterance(self, reading_id: int, onset_ns: int, offset_ns: int) -> None:
        """Understand what is said between two times on the host clock, once it is committed.

        Raises:
            ConfigError: It ends before it begins.
            StoreError: There is no such reading.
        """
        if offset_ns < onset_ns:
            raise ConfigError("An utterance cannot end before it begins.", "Send onset_ns and offset_ns on the host clock.")
        self._attend(reading_id)
        self._asked.append(_Asked(onset_ns, offset_ns + _LATER_NS, self._now_ns()))

    def stop(self) -> None:
        """Listen to nothing that is said from now on; what was said before is still told, and then `stopped`."""
        if self._sound is not None and self._stop_ns is None:
            self._stop_ns = self._now_ns()

    def step(self) -> None:
        """Look what has been committed, and understand at most one utterance.

        Raises:
            StoreError: The library cannot be read.
        """
        sound = self._sound
        if sound is None or (self._mode is None and self._stop_ns is None and not self._asked and not self._found):
            return
        sound.update()
        if self._mode == "continuous" and sound.end:
            self._follow(sound)
        while self._asked and self._arrived(self._asked[0].offset_ns, self._asked[0].asked_ns):
            self._find(sound, self._asked.popleft())
        if self._stop_ns is not None and not self._asked and self._arrived(self._stop_ns, self._stop_ns):
            self._finish()
            self._mode = None
        if self._found:
            self._understand(*self._found.popleft())
        elif self._stop_ns is not None and self._mode is None:
            self._stop_ns = None
            self._emit("stopped", reading_id=sound.reading_id)

    def _attend(self, reading_id: int) -> bool:
        """Turn to a reading; whether it is the one that was listened to before."""
        if self._sound is not None and self._sound.reading_id == reading_id:
            return True
        self._sound = ReadingSound(self._store, reading_id)
        self._asked.clear()
        return False

    def _arrived(self, host_ns: int, since_ns: int) -> bool:
        """Whether audio is committed up to a time, or is not to be waited for any longer."""
        return self._sound is None or self._sound.durable_ns >= host_ns or self._now_ns() - since_ns > _PATIENCE_NS

    def _follow(self, sound: ReadingSound) -> None:
        if self._detector is None:
            self._detector = SpeechDetector(sound.rate_hz)
            self._offset = self._next = 0 if self._from_ns is None else sound.sample_at(self._from_ns)
        ended = self._detector.take(sound.samples(self._next, sound.end))
        self._next = sound.end
        self._notice(sound, self._detector, ended)

    def _finish(self) -> None:
        """The utterance that was going on ends here."""
        detector, self._detector = self._detector, None
        if detector is not None and self._sound is not None:
            self._notice(self._sound, detector, detector.end())

    def _notice(self, sound: ReadingSound, detector: SpeechDetector, ended: list[Utterance]) -> None:
        for utterance in ended:
            self._tell_speaking(sound, True)
            self._tell_speaking(sound, False)
            self._found.append((sound, Utterance(utterance.first + self._offset, utterance.end + self._offset)))
        self._tell_speaking(sound, detector.speaking)

    def _tell_speaking(self, sound: ReadingSound, on: bool) -> None:
        if on != self._told_speaking:
            self._told_speaking = on
            self._emit("speaking", reading_id=sound.reading_id, on=on)

    def _find(self, sound: ReadingSound, asked: _Asked) -> None:
        """A stretch that was asked for, cut where it is longer than an engine takes."""
        first, end = sound.sample_at(asked.onset_ns), sound.sample_at(asked.offset_ns)
        if end <= first:
            self._emit("error", what="Nothing was recorded in that stretch.", remedy="See whether the microphone is on.")
        elif end - first <= _LONGEST_S * sound.rate_hz:
            self._found.append((sound, Utterance(first, end)))
        else:
            parts = find_utterances(sound.samples(first, end), sound.rate_hz) or [Utterance(0, 0)]
            self._found += [(sound, Utterance(first + part.first, first + part.end)) for part in parts]

    def _understand(self, sound: ReadingSound, utterance: Utterance) -> None:
        try:
            transcript = self._transcriber.transcribe(sound.samples(utterance.first, utterance.end), sound.rate_hz)
        except SpeechError as error:
            self._emit("error", what=error.what, remedy=error.remedy)
            return
        for written in write_down(transcript) or [Written()]:
            self._tell(sound, utterance, written)

    def _tell(self, sound: ReadingSound, utterance: Utterance, written: Written) -> None:
        """One sentence; with neither text nor words where nothing was understood, so that nobody waits for it."""

        def host_ns(time_s: float) -> int:
            return sound.host_ns(utterance.first + time_s * sound.rate_hz)

        words = [(word.text, host_ns(word.onset_s), host_ns(word.offset_s), word.confidence) for word in written.words]
        onset_ns = words[0][1] if words else sound.host_ns(utterance.first)
        offset_ns = words[-1][2] if words else sound.host_ns(utterance.end)
        self._emit(
            "heard",
            reading_id=sound.reading_id,
            engine=self._transcriber.engine,
            text=written.text,
            onset_ns=onset_ns,
            offset_ns=max(onset_ns, offset_ns),
            words=words,
        )
