"""Blocks of a sound card stitched into chunks of one channel at the kept rate, with indices that stay true across losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import RecordingError
from egma_core.recording.audio_clock import AudioClock, Block
from egma_core.recording.audio_source import RATE_HZ
from egma_core.speech.audio import Resampler
from egma_core.store.values import AudioChunk

_SETTLED = 5  # blocks after a loss that tell how long it was
_LATE_S = 1.0
_LATE_NS = 60_000_000
_FLOOD_S = 2.0


@dataclass(frozen=True)
class Loss:
    """A stretch that the device did not deliver.

    Attributes:
        seconds: How long it was, by the host clock; 0 where nothing seems to be missing after all.
        told: Whether the sound system said so, or only the clock shows it.
    """

    seconds: float
    told: bool


class Stitcher:
    """Takes the blocks of one reading in their order.

    Attributes:
        clock: What is known of the device's clock.
        losses: What was lost since the list was last emptied.
    """

    def __init__(self, rate_hz: int, started_ns: int) -> None:
        """Begin a reading with a device of `rate_hz` samples per second at the host time `started_ns`."""
        self.clock = AudioClock(rate_hz)
        self.losses: list[Loss] = []
        self._started_ns = started_ns
        self._held: list[Block] = []
        self._next = 0  # index of the next sample, as the device counts
        self._reached_ns = 0
        self._late = 0  # samples that seem to be missing before the next one
        self._begin_piece()

    def take(self, blocks: list[Block], channels: int, *, ended: bool = False) -> list[AudioChunk]:
        """Stitch what can be placed by now; blocks behind a loss wait for a few more, which tell how long it was.

        Args:
            blocks: What has come since the last call.
            channels: Channels of the device.
            ended: Whether nothing more will come.

        Raises:
            RecordingError: There are far more samples than time has passed for; they are thrown away.
        """
        self._held += blocks
        chunks: list[AudioChunk] = []
        while self._held:
            end = next((i for i, block in enumerate(self._held) if block.broken and i), len(self._held))
            run = self._held[:end]
            if run[0].broken and len(run) < _SETTLED and end == len(self._held) and not ended:
                break
            if run[0].broken or self._late:
                chunks += self._end_piece()
                self._bridge(run)
            del self._held[:end]
            chunks += self._piece(run, channels)
        return chunks + (self._end_piece() if ended else [])

    def _bridge(self, run: list[Block]) -> None:
        """Leave room for what is missing before `run`."""
        n = self.clock.missing(self._next, run) if run[0].broken else self._late
        if len(self.clock):
            self.losses.append(Loss(n / self.clock.rate_hz, run[0].broken))
        self._late = 0
        self._next += n
        self._begin_piece()

    def _piece(self, run: list[Block], channels: int) -> list[AudioChunk]:
        for block in run:
            self.clock.add(self._next, block)
            self._next += block.n
        if self._next / self.clock.rate_hz > (run[-1].entered_ns - self._started_ns) / 1e9 + _FLOOD_S:
            self._next -= sum(block.n for block in run)
            raise RecordingError("The microphone delivers far more than its rate allows.", "It is no real device; choose another one.")
        late_ns = self.clock.late_ns(_LATE_S)
        self._late = round(late_ns * self.clock.rate_hz / 1e9) if late_ns > _LATE_NS else 0
        samples = mono(run, channels)
        return self._chunk(samples if self._resampler is None else self._resampler.take(samples))

    def _begin_piece(self) -> None:
        """A stretch without a loss begins at the next sample."""
        rate_hz = self.clock.rate_hz
        self._resampler = None if rate_hz == RATE_HZ else Resampler(rate_hz, RATE_HZ)
        self._out = -(-self._next * RATE_HZ // rate_hz)
        self._shift = self._out / RATE_HZ - self._next / rate_hz  # the rounding, in s

    def _end_piece(self) -> list[AudioChunk]:
        resampler, self._resampler = self._resampler, None
        return [] if resampler is None else self._chunk(resampler.end())

    def _chunk(self, samples: NDArray[np.int16]) -> list[AudioChunk]:
        if not len(samples):
            return []
        first, self._out = self._out, self._out + len(samples)
        t0_ns, t1_ns = (self.clock.host_ns((index / RATE_HZ - self._shift) * self.clock.rate_hz) for index in (first, self._out))
        t0_ns = max(t0_ns, self._reached_ns)
        self._reached_ns = t1_ns = max(t1_ns, t0_ns)
        return [AudioChunk(t0_ns, t1_ns, first, RATE_HZ, samples)]


def mono(blocks: list[Block], channels: int) -> NDArray[np.int16]:
    """(n,) samples of some blocks, the mean of their channels."""
    samples = np.frombuffer(b"".join(block.data for block in blocks), np.int16)
    return samples if channels == 1 else np.rint(samples.reshape(-1, channels).mean(axis=1)).astype(np.int16)
