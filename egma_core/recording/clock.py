"""The clock a recording runs on, as a value: the machine's own, or one that is wound forward."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Protocol


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
