"""From a device's clock to the host's: checked where they are one and the same, estimated where they are not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import TrackerError
from egma_core.gaze.samples import GazeSamples

_READINGS = 20
_TOLERANCE_NS = 1_000_000
_ENVELOPE_NS = 10_000_000_000


def check_host_clock(now_ns: Callable[[], int], their_ns: Callable[[], int], whose: str) -> int:
    """How far another clock of this machine is from the host clock, in ns, by the tightest of several interleaved readings.

    Both are read in turn; theirs is compared with the middle of the two readings of ours around it, and is wrong by at most half
    of what lies between those. The pair with least between it counts, so that a busy machine makes no clock look wrong.

    Args:
        now_ns: The host clock.
        their_ns: The other clock.
        whose: Whose it is, for the message.

    Raises:
        TrackerError: They differ by more than 1 ms, so that samples could not be placed in time.
    """
    readings: list[tuple[int, int]] = []
    before = now_ns()
    for _ in range(_READINGS):
        theirs = their_ns()
        after = now_ns()
        readings.append((after - before, theirs - (before + after) // 2))
        before = after
    _, offset = min(readings)
    if abs(offset) > _TOLERANCE_NS:
        raise TrackerError(
            f"The clock of {whose} is {abs(offset) / 1e6:.1f} ms away from this program's.",
            "Recording with it would put gaze at the wrong times. Restart the computer; if it stays, use another tracker.",
        )
    return offset


class DeviceClock:
    """Places the samples of a device with a clock of its own, from when they arrive.

    No sample arrives before it was taken, and the quickest show the offset best: the host's time is the device's time plus the
    smallest difference between arrival and device time of the last 10 s (a lower envelope, which follows a drifting clock).
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._least: deque[tuple[int, int]] = deque()  # (arrival, difference), differences growing: a sliding minimum

    def host_ns(self, device_ns: NDArray[np.int64], arrived_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Host times in ns of samples with device times and arrival times in ns, all (n,), in order of arrival."""
        for arrived, apart in zip(arrived_ns.tolist(), (arrived_ns - device_ns).tolist(), strict=True):
            while self._least and self._least[-1][1] >= apart:
                self._least.pop()
            self._least.append((arrived, apart))
            while self._least[0][0] < arrived - _ENVELOPE_NS:
                self._least.popleft()
        return device_ns + (self._least[0][1] if self._least else 0)


class Window:
    """The time between start and stop: only what was sampled in it belongs to the stream, and it never goes back."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        """Closed as yet."""
        self._now_ns = now_ns
        self._first_ns: int | None = None
        self._last_ns: int | None = None
        self._reached_ns = 0

    @property
    def open(self) -> bool:
        """Whether the stream goes on."""
        return self._first_ns is not None and self._last_ns is None

    def begin(self) -> None:
        """A stream begins now."""
        self._first_ns = self._reached_ns = self._now_ns()
        self._last_ns = None

    def end(self) -> None:
        """It ends now, if it has not yet."""
        if self.open:
            self._last_ns = self._now_ns()

    def admit(self, samples: GazeSamples) -> GazeSamples:
        """Those of `samples` that belong to the stream; a host time that would go back becomes the one before it."""
        rows = samples.rows
        if self._first_ns is None or not len(rows):
            return GazeSamples(rows[:0], samples.origin)
        inside = rows["host_ns"] >= self._first_ns
        if self._last_ns is not None:
            inside &= rows["host_ns"] <= self._last_ns
        rows = rows[inside]
        if len(rows):
            rows["host_ns"] = np.maximum(np.maximum.accumulate(rows["host_ns"]), self._reached_ns)
            self._reached_ns = int(rows["host_ns"][-1])
        return GazeSamples(rows, samples.origin)
