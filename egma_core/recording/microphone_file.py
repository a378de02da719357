"""A recording played on the clock in place of a voice: for tests, demonstrations and machines without a microphone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import ConfigError
from egma_core.recording.audio_source import RATE_HZ, Microphone, MicrophoneDescription, MicrophoneEvent
from egma_core.speech.audio import level_db, read_wav, resample
from egma_core.store.values import AudioChunk, ClockFit

_LEVEL = RATE_HZ // 2
_MODEL = "simulated microphone (a recording played on the clock)"


class FileMicrophone(Microphone):
    """Plays from each `start` on, sample by sample on the host clock; behind its end there is silence, or it begins again."""

    def __init__(self, samples: NDArray[np.int16], now_ns: Callable[[], int], *, loop: bool = False) -> None:
        """Play (n,) samples at 16 kHz, over and over if `loop`."""
        self._samples = samples
        self._loop = loop
        self._now_ns = now_ns
        self._started_ns = 0
        self._stopped_ns: int | None = 0
        self._n = 0
        self._events: list[MicrophoneEvent] = []
        self._finished = False

    @classmethod
    def of(cls, now_ns: Callable[[], int], options: Mapping[str, str]) -> FileMicrophone:
        """Play the WAV file of the option `path`; again and again with `loop` = `true`.

        Raises:
            ConfigError: An option is unknown or missing.
            SpeechError: The file cannot be read.
        """
        unknown = sorted(set(options) - {"path", "loop"})
        if unknown:
            raise ConfigError(f"The microphone 'file' has no option '{unknown[0]}'.", "Its options: path, loop.")
        if not options.get("path"):
            raise ConfigError("The microphone 'file' needs a recording.", "Set its option 'path' to a WAV file.")
        if options.get("loop", "false") not in ("true", "false"):
            raise ConfigError(f"The option 'loop' of the microphone 'file' cannot be '{options['loop']}'.", "Set it to true or false.")
        return cls(resample(*read_wav(Path(options["path"])), RATE_HZ), now_ns, loop=options.get("loop") == "true")

    @property
    def description(self) -> MicrophoneDescription:
        """What this is: nobody's voice."""
        return MicrophoneDescription("file", _MODEL, RATE_HZ, 0.0, RATE_HZ, "simulated")

    def start(self) -> None:
        """Play from the beginning."""
        self._started_ns, self._stopped_ns = self._now_ns(), None
        self._n, self._finished = 0, False

    def drain(self) -> list[AudioChunk]:
        """Every sample since the last call."""
        until_ns = self._now_ns() if self._stopped_ns is None else self._stopped_ns
        first, end = self._n, (until_ns - self._started_ns) * RATE_HZ // 1_000_000_000
        if end <= first:
            return []
        self._n = end
        if not self._loop and end > len(self._samples) and not self._finished:
            self._finished = True
            self._events.append(MicrophoneEvent(until_ns, "finished", "The recording that stands in for a voice is over; silence follows."))
        return [AudioChunk(self._at_ns(first), self._at_ns(end), first, RATE_HZ, self._played(first, end))]

    def events(self) -> Sequence[MicrophoneEvent]:
        """That the recording is over."""
        events, self._events = self._events, []
        return events

    def level_db(self) -> float | None:
        """Level of the last half second that was played; None before the first."""
        return level_db(self._played(max(0, self._n - _LEVEL), self._n)) if self._n else None

    def clock_fit(self) -> ClockFit | None:
        """Exact: it has no clock of its own."""
        if self._n == 0:
            return None
        return ClockFit("audio", 1, self._started_ns, 0.0, 0.0, 0.0, 0.0, "good")

    def stop(self) -> None:
        """Play nothing from now on."""
        if self._stopped_ns is None:
            self._stopped_ns = self._now_ns()

    def close(self) -> None:
        """Stop."""
        self.stop()

    def _at_ns(self, sample: int) -> int:
        return self._started_ns + sample * 1_000_000_000 // RATE_HZ

    def _played(self, first: int, end: int) -> NDArray[np.int16]:
        """(end - first,) samples as they are played."""
        if self._loop:
            return self._samples[np.arange(first, end) % len(self._samples)]
        played = np.zeros(end - first, np.int16)
        there = self._samples[first:end]
        played[: len(there)] = there
        return played
