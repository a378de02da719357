"""Where somebody speaks: stretches of audio that are louder than what goes on in the room, found as the audio comes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egma_core.options import option
from egma_core.speech.audio import SILENCE_DB

_FRAME_S = 0.02
_ROOM_S = 10.0
_ROOM_QUANTILE = 0.1
_FRAMES_PER_LOOK = 5


@dataclass(frozen=True)
class ActivityOptions:
    """When speech begins and ends."""

    on_db: float = option(10.0, "Speech begins so far above the room's own noise.", unit="dB", low=1.0, high=60.0)
    off_db: float = option(6.0, "And goes on as long as it stays so far above it.", unit="dB", low=0.0, high=60.0)
    least_db: float = option(-55.0, "Nothing quieter counts as speech, of full scale.", unit="dB", low=-100.0, high=0.0)
    pause_s: float = option(0.7, "A pause so long ends an utterance.", unit="s", low=0.1, high=5.0)
    shortest_s: float = option(0.12, "What is loud for less is a click.", unit="s", low=0.02, high=2.0)
    longest_s: float = option(20.0, "An utterance that goes on is cut at its quietest place after so long.", unit="s", low=2.0, high=30.0)
    margin_s: float = option(0.25, "So much is taken along before and behind: quiet consonants.", unit="s", low=0.0, high=1.0)


@dataclass(frozen=True)
class Utterance:
    """A stretch in which somebody speaks, as indices of samples: from `first` up to, without, `end`."""

    first: int
    end: int


class SpeechDetector:
    """Follows a stream and tells its utterances; the room's noise is the quiet tenth of the last ten seconds.

    Attributes:
        speaking: Whether somebody speaks just now.
    """

    def __init__(self, rate_hz: int, options: ActivityOptions | None = None) -> None:
        """Begin a stream of `rate_hz` samples per second."""
        self._options = options or ActivityOptions()
        self._rate_hz = rate_hz
        self._frame = round(rate_hz * _FRAME_S)
        self._rest = np.zeros(0, np.int16)
        self._at = 0  # index of the first sample of the rest
        self._room: deque[float] = deque(maxlen=round(_ROOM_S / _FRAME_S))
        self._room_db = SILENCE_DB
        self._n_frames = 0
        self._since: int | None = None  # where the loud stretch began
        self._loud = 0  # its loud frames
        self._last_loud = 0  # where the last of them ended
        self._levels: list[float] = []  # of the frames since then
        self._reach = 0  # nothing before this belongs to another utterance
        self.speaking = False

    def take(self, samples: NDArray[np.int16]) -> list[Utterance]:
        """Take (n,) samples of the stream; answers with the utterances that have ended."""
        self._rest = np.concatenate([self._rest, samples])
        n = len(self._rest) // self._frame
        frames = self._rest[: n * self._frame].reshape(n, self._frame).astype(np.float64)
        power = frames.var(axis=1) / 2.0**30
        levels = np.where(power > 0, 10.0 * np.log10(np.maximum(power, 1e-12)), SILENCE_DB)
        found: list[Utterance] = []
        for level in levels.tolist():
            found += self._step(max(level, SILENCE_DB))
            self._at += self._frame
        self._rest = self._rest[n * self._frame :]
        return found

    def end(self) -> list[Utterance]:
        """The stream is over: the utterance that was going on, if any."""
        return self._finish(self._at + len(self._rest))

    def _step(self, level: float) -> list[Utterance]:
        options = self._options
        self._room.append(level)
        self._n_frames += 1
        if self._n_frames % _FRAMES_PER_LOOK == 1:
            self._room_db = float(np.quantile(self._room, _ROOM_QUANTILE))
        room = self._room_db
        loud = level > max(room + (options.on_db if self._since is None else options.off_db), options.least_db)
        after = self._at + self._frame
        if self._since is None:
            if not loud:
                return []
            self._since, self._loud, self._levels = self._at, 0, []
        self._levels.append(level)
        if loud:
            self._loud += 1
            self._last_loud = after
        self.speaking = self._loud * _FRAME_S >= options.shortest_s
        if after - self._last_loud >= options.pause_s * self._rate_hz:
            return self._finish(after)
        if after - self._since >= options.longest_s * self._rate_hz:
            return self._cut()
        return []

    def _finish(self, limit: int) -> list[Utterance]:
        since, self._since = self._since, None
        was_speech, self.speaking = self.speaking, False
        if since is None or not was_speech:
            return []
        return [self._utterance(since, min(self._last_loud + round(self._options.margin_s * self._rate_hz), limit))]

    def _cut(self) -> list[Utterance]:
        """Cut a long utterance at the quietest place of its second half, and go on with the rest."""
        since = self._since
        assert since is not None
        half = len(self._levels) // 2
        quietest = half + int(np.argmin(self._levels[half:]))
        middle = since + quietest * self._frame
        self._since, self._levels = middle, self._levels[quietest:]
        self._loud = sum(level > self._options.least_db for level in self._levels)
        return [self._utterance(since, middle)]

    def _utterance(self, since: int, end: int) -> Utterance:
        first = max(since - round(self._options.margin_s * self._rate_hz), self._reach)
        self._reach = end
        return Utterance(first, end)


def find_utterances(samples: NDArray[np.int16], rate_hz: int, options: ActivityOptions | None = None) -> list[Utterance]:
    """The utterances in (n,) samples, in order."""
    detector = SpeechDetector(rate_hz, options)
    return detector.take(samples) + detector.end()
