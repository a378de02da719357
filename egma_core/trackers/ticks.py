"""The time ticks of an Open Gaze server, as device time and as host time."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from egma_core.trackers.clocks import DeviceClock
from egma_core.trackers.events import EventLog
from egma_core.trackers.open_gaze import Record

_SLOWEST_HZ, _FASTEST_HZ = 1e3, 1e11
_EARLY_NS, _LATE_NS = 1_000_000, 10_000_000_000


def frequency(text: str) -> float:
    """Ticks per second as the server states them, or NaN.

    Some versions print the bits of a double as if they were a whole number; such a value is beyond any real frequency.
    """
    try:
        value = int(text)
    except ValueError:
        return float("nan")
    hz = float(value)
    if not _SLOWEST_HZ <= hz <= _FASTEST_HZ and -(2**63) <= value < 2**63:
        (hz,) = struct.unpack("<d", struct.pack("<q", value))
    return hz if _SLOWEST_HZ <= hz <= _FASTEST_HZ else float("nan")


class TickClock:
    """Places records in time.

    A server on this machine counts the ticks of the very counter that the host clock reads (QueryPerformanceCounter on Windows,
    CLOCK_MONOTONIC on Linux). That is believed while ticks lie no more than 1 ms after and 10 s before their arrival, and said
    when it no longer is; then, and for a server elsewhere, host times are estimated from arrival.
    """

    def __init__(self, stated: str, *, local: bool) -> None:
        """Begin.

        Args:
            stated: The server's answer for its frequency, or "".
            local: Whether the server runs on this machine.
        """
        self._hz = frequency(stated)
        self._same = local and np.isfinite(self._hz)
        self._estimate = DeviceClock()

    def place(self, records: list[Record], events: EventLog) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Device times in us and host times in ns, both (n,)."""
        arrived_ns = np.array([record.arrived_ns for record in records], np.int64)
        if np.isfinite(self._hz):
            ticks = np.array([record.integer("TIME_TICK") for record in records], np.int64)
            device_ns = np.rint(ticks / self._hz * 1e9).astype(np.int64)
        else:
            device_ns = np.rint(np.array([record.number("TIME", 0.0) for record in records]) * 1e9).astype(np.int64)
        late_ns = arrived_ns - device_ns
        if self._same and (late_ns.min() < -_EARLY_NS or late_ns.min() > _LATE_NS):
            self._same = False
            events.tell("warning", "The eye tracker's clock is not this computer's; its times are estimated from when samples arrive.")
        host_ns = device_ns if self._same else self._estimate.host_ns(device_ns, arrived_ns)
        return device_ns // 1000, host_ns
