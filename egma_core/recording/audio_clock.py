"""Where a sound card's samples lie on the host clock, live and over a whole reading.

A sound card counts its samples by a crystal of its own, some ten millionths off the computer's. What PortAudio says of the time at
which a sample was digitised is believed where it makes sense; several systems give zeros, a time that stands still, or one that is
later than the sample can have been. Then the arrival of each block counts: no block arrives before it was heard, so that the
quickest arrivals show where the samples lie (a lower envelope).
"""

from __future__ import annotations

import itertools
from array import array
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from egma_core.recording.clock import RESIDUAL_LIMIT_MS
from egma_core.store.values import ClockFit

_RECENT_S = 10.0
_FEWEST = 5  # blocks that a statement needs
_LONGEST_LAG_S = 1.0
_QUANTILE = 0.1  # of times that PortAudio tells: they err both ways
_STEADY_NS = 20_000_000  # within some seconds
_PREFERRED_MS = 5.0
_MOST_WINDOWS = 300
_SHORTEST_WINDOW_S, _LONGEST_WINDOW_S = 0.25, 2.0
_MOST_PPM = 300.0
_PPM_FROM_S = 30.0  # a slope from less is noise


@dataclass(frozen=True)
class Block:
    """Samples as they arrived in a callback of PortAudio.

    Attributes:
        entered_ns: Host clock when the callback was entered.
        n: How many samples.
        adc_s: When the first of them was digitised, on PortAudio's clock; 0 where it does not know.
        current_s: PortAudio's clock when it made the call.
        broken: Whether samples before these were lost, or may have been.
        data: The samples, 16 bits each, channels interleaved.
    """

    entered_ns: int
    n: int
    adc_s: float
    current_s: float
    broken: bool
    data: bytes


class AudioClock:
    """Gathers what is known of the times of blocks; indices count the device's own samples, lost ones included.

    Attributes:
        rate_hz: Samples per second, as the device has it.
    """

    def __init__(self, rate_hz: int) -> None:
        """Know nothing yet of a device of `rate_hz` samples per second."""
        self.rate_hz = rate_hz
        self._first = array("q")
        self._n = array("q")
        self._entered_ns = array("q")
        self._adc_s = array("d")
        self._current_s = array("d")

    def __len__(self) -> int:
        """How many blocks are known."""
        return len(self._first)

    def add(self, first: int, block: Block) -> None:
        """A block whose first sample has the index `first`."""
        self._first.append(first)
        self._n.append(block.n)
        self._entered_ns.append(block.entered_ns)
        self._adc_s.append(block.adc_s)
        self._current_s.append(block.current_s)

    def host_ns(self, sample: float) -> int:
        """When the sample of that index was heard, as well as the last seconds tell; there must have been a block."""
        return round(_Times.of(self, self._recent()).low_ns() + sample * 1e9 / self.rate_hz)

    def missing(self, first: int, blocks: list[Block]) -> int:
        """How many samples are missing before `blocks`, whose first sample would have the index `first` if none were; 0 at the start."""
        if not len(self):
            return 0
        known = _Times.of(self, self._recent())
        trial = AudioClock(self.rate_hz)
        for block in blocks:
            trial.add(first, block)
            first += block.n
        late_ns = replace(_Times.of(trial, 0), told=known.told).low_ns() - known.low_ns()
        return max(0, round(late_ns * self.rate_hz / 1e9))

    def late_ns(self, seconds: float) -> float:
        """By how much even the quickest block of the last seconds came later than the seconds before let expect.

        Samples that were lost without a word show here; 0 while too little is known.
        """
        now_ns = self._entered_ns[-1] if len(self) else 0
        begin = int(np.searchsorted(np.frombuffer(self._entered_ns, np.int64), now_ns - round(seconds * 1e9))) if len(self) else 0
        if min(begin, len(self) - begin) < _FEWEST:
            return 0.0
        before, since = _Times.of(self, self._recent(), begin), _Times.of(self, begin)
        return replace(since, told=before.told).low_ns() - before.low_ns()

    def fit(self) -> ClockFit | None:
        """The straight line from the device's clock to the host's, from the earliest times of each stretch of the reading.

        PortAudio's times are taken unless arrivals lie on a much straighter line. The line is that of Theil and Sen: neither a
        stretch in which the computer was held up nor one of lost samples bends it.

        Returns:
            The fit, with as many pairs as stretches; residuals are those of the stretches. None for less than a second.

        Source: Sen 1968, Journal of the American Statistical Association 63, 1379-1389.
        """
        if not len(self):
            return None
        arrived, told = _Times.of(self, 0).both()
        by_arrival = self._line(arrived)
        by_portaudio = None if told is None else self._line(told)
        if by_arrival is None or by_portaudio is None:
            return by_arrival
        return by_portaudio if by_portaudio.residual_p99_ms < by_arrival.residual_p99_ms + _PREFERRED_MS else by_arrival

    def _line(self, times: _Times) -> ClockFit | None:
        device_s = times.first / self.rate_hz
        duration_s = float(device_s[-1] - device_s[0])
        if duration_s < 1.0:
            return None
        window_s = max(min(max(duration_s / 10.0, _SHORTEST_WINDOW_S), _LONGEST_WINDOW_S), duration_s / _MOST_WINDOWS)
        windows = np.minimum(((device_s - device_s[0]) / window_s).astype(np.int64), int(duration_s / window_s))
        edges = [*np.flatnonzero(np.diff(windows, prepend=-1)).tolist(), len(windows)]
        pairs = list(itertools.pairwise(edges))
        at_s = np.array([device_s[a:b].mean() for a, b in pairs])
        low_ns = np.array([times.low_ns(a, b) for a, b in pairs])
        base_ns = round(float(low_ns[0]))
        i, j = np.triu_indices(len(at_s), 1)
        slope = float(np.median((low_ns[j] - low_ns[i]) / (at_s[j] - at_s[i])))
        level = float(np.median(low_ns - base_ns - slope * at_s))
        residual_ms = np.abs(low_ns - base_ns - level - slope * at_s) / 1e6
        p50, p99 = (float(value) for value in np.quantile(residual_ms, (0.5, 0.99)))
        steady = abs(slope) / 1e3 <= _MOST_PPM or duration_s < _PPM_FROM_S
        return ClockFit(
            stream="audio",
            n=len(pairs),
            offset_ns=base_ns + round(level),
            drift_ppm=slope / 1e3,
            residual_p50_ms=p50,
            residual_p99_ms=p99,
            residual_max_ms=float(residual_ms.max()),
            verdict="good" if steady and p99 <= RESIDUAL_LIMIT_MS["audio"] else "flagged",
        )

    def _recent(self) -> int:
        """Which of the blocks is the first of the last seconds."""
        now_ns = self._entered_ns[-1]
        return int(np.searchsorted(np.frombuffer(self._entered_ns, np.int64), now_ns - round(_RECENT_S * 1e9)))

    def stretch(self, begin: int, end: int | None) -> tuple[NDArray[np.float64], ...]:
        """Of a stretch of blocks, each (n,): index of the first sample, samples, arrival in ns, and both of PortAudio's times in s."""
        columns = (self._first, self._n, self._entered_ns, self._adc_s, self._current_s)
        return tuple(np.array(column[begin:end], np.float64) for column in columns)


@dataclass(frozen=True)
class _Times:
    """When the sample of index 0 was heard, as each of some blocks has it.

    Attributes:
        first: (n,) index of each block's first sample.
        arrived_ns: (n,) by arrival: at the latest then.
        told_ns: (n,) by PortAudio; NaN where it does not say.
        told: Whether PortAudio's times make sense.
    """

    first: NDArray[np.float64]
    arrived_ns: NDArray[np.float64]
    told_ns: NDArray[np.float64]
    told: bool

    @classmethod
    def of(cls, clock: AudioClock, begin: int, end: int | None = None) -> _Times:
        first, n, entered_ns, adc_s, current_s = clock.stretch(begin, end)
        index_s, length_s, lag_s = first / clock.rate_hz, n / clock.rate_hz, current_s - adc_s
        # A block cannot be digitised in less time than it lasts.
        sound = (adc_s > 0) & (lag_s >= 0.9 * length_s) & (lag_s <= _LONGEST_LAG_S)
        told_ns = np.where(sound, entered_ns - (lag_s + index_s) * 1e9, np.nan)
        told = False
        if len(first) >= _FEWEST and float(sound.mean()) > 0.9:
            passed_s = index_s[-1] - index_s[0]
            low_ns, high_ns = np.nanquantile(told_ns, (0.1, 0.9))
            told = bool(0.5 * passed_s < adc_s[-1] - adc_s[0] < 2.0 * passed_s + 0.1 and high_ns - low_ns < _STEADY_NS)
        return cls(first, entered_ns - (index_s + length_s) * 1e9, told_ns, told)

    def both(self) -> tuple[_Times, _Times | None]:
        """The same by arrival, and by PortAudio where it says anything for nearly all of them."""
        told = float(np.isfinite(self.told_ns).mean()) > 0.9
        return replace(self, told=False), replace(self, told=True) if told else None

    def low_ns(self, begin: int = 0, end: int | None = None) -> float:
        """The earliest that a stretch of blocks lets believe."""
        values = self.told_ns[begin:end]
        values = values[np.isfinite(values)]
        if self.told and len(values):
            return float(np.quantile(values, _QUANTILE))
        return float(self.arrived_ns[begin:end].min())
