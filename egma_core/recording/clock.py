"""The clock a recording runs on, as a value: the machine's own, or one that is wound forward; and how well another fits it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from egma_core.gaze.samples import GazeSamples
from egma_core.store.values import ClockFit

RESIDUAL_LIMIT_MS = {"gaze": 1.0, "audio": 20.0}
"""A stream whose times lie farther than this from a straight line (99 of 100) is flagged."""

_KEPT_OF_A_CHUNK = 8


class Clock(Protocol):
    """Host time in ns, and a way to wait for it."""

    def now_ns(self) -> int:
        """The time now; never runs backward."""
        ...

    def wait_until(self, host_ns: int) -> None:
        """Return once `now_ns()` has reached `host_ns`; at once if it has passed."""
        ...

    def utc(self) -> datetime:
        """The wall clock at `now_ns()`, aware, in UTC."""
        ...


class HostClock:
    """`time.perf_counter_ns`: one clock for every process of this machine (CLOCK_MONOTONIC on Linux, QPC on Windows)."""

    def now_ns(self) -> int:
        """The time now."""
        return time.perf_counter_ns()

    def wait_until(self, host_ns: int) -> None:
        """Sleep until `host_ns`."""
        while (left_ns := host_ns - time.perf_counter_ns()) > 0:
            time.sleep(left_ns / 1e9)

    def utc(self) -> datetime:
        """The wall clock now."""
        return datetime.now(timezone.utc)


class SimulatedClock:
    """A clock that stands still until somebody waits on it, and then is there at once."""

    def __init__(self, start_ns: int = 0, start_utc: datetime | None = None) -> None:
        """Start at `start_ns`, which is the moment `start_utc` (by default the wall clock now)."""
        self._start_ns = start_ns
        self._now_ns = start_ns
        self._start_utc = start_utc or datetime.now(timezone.utc)

    def now_ns(self) -> int:
        """The time it was last wound to."""
        return self._now_ns

    def wait_until(self, host_ns: int) -> None:
        """Wind forward to `host_ns`."""
        self._now_ns = max(self._now_ns, host_ns)

    def utc(self) -> datetime:
        """The wall clock at that time."""
        return self._start_utc + timedelta(microseconds=(self._now_ns - self._start_ns) // 1000)


def fit_clock(stream: Literal["gaze", "audio"], device_ns: NDArray[np.int64], host_ns: NDArray[np.int64]) -> ClockFit | None:
    """The straight line from a device's clock to the host's, by least squares, and how far the pairs lie from it.

    Args:
        stream: Whose clock it is; picks the limit.
        device_ns: (n,) times on the device's clock in ns.
        host_ns: (n,) the same moments on the host's.

    Returns:
        The fit; None with fewer than two different times.
    """
    if len(device_ns) < 2 or device_ns[0] == device_ns[-1]:
        return None
    passed = (device_ns - device_ns[0]).astype(np.float64)
    apart = (host_ns - device_ns - (host_ns[0] - device_ns[0])).astype(np.float64)
    slope, level = np.polyfit(passed / 1e9, apart, 1)
    residual_ms = np.abs(apart - level - slope * (passed / 1e9)) / 1e6
    p50, p99 = (float(value) for value in np.quantile(residual_ms, (0.5, 0.99)))
    return ClockFit(
        stream=stream,
        n=len(device_ns),
        offset_ns=int(host_ns[0] - device_ns[0]) + round(float(level) - float(slope) * int(device_ns[0]) / 1e9),
        drift_ppm=float(slope) / 1e3,
        residual_p50_ms=p50,
        residual_p99_ms=p99,
        residual_max_ms=float(residual_ms.max()),
        verdict="good" if p99 <= RESIDUAL_LIMIT_MS[stream] else "flagged",
    )


class GazeClock:
    """Gathers pairs of device and host time of a reading's gaze, a few of every chunk, for the fit at its end."""

    def __init__(self) -> None:
        """Begin a reading."""
        self._device_us: list[NDArray[np.int64]] = []
        self._host_ns: list[NDArray[np.int64]] = []

    def add(self, samples: GazeSamples) -> None:
        """Take a few of these samples."""
        rows = samples.rows[:: max(len(samples) // _KEPT_OF_A_CHUNK, 1)]
        self._device_us.append(rows["device_us"].copy())
        self._host_ns.append(rows["host_ns"].copy())

    def fit(self) -> ClockFit | None:
        """How well the tracker's clock fits the host's, or None without samples."""
        if not self._host_ns:
            return None
        return fit_clock("gaze", np.concatenate(self._device_us) * 1000, np.concatenate(self._host_ns))
