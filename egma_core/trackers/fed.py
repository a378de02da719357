"""A tracker that is fed from outside: the mouse standing in for gaze, pushed in by whoever has the window."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from egma_core.errors import TrackerError
from egma_core.gaze.samples import GazeSamples
from egma_core.trackers.tracker import Tracker, TrackerDescription


class FedTracker(Tracker):
    """Gives out, unchanged, the positions it was given; both eyes look where the pointer is.

    Nothing is resampled: a pointer that rests is seen to rest only if its position is pushed again and again, so push at
    a steady rate rather than on movement alone.
    """

    def __init__(self, now_ns: Callable[[], int], rate_hz: float = 0.0) -> None:
        """Make a tracker of pointer positions.

        Args:
            now_ns: The host clock.
            rate_hz: How often positions are pushed each second; 0 if only as they change.
        """
        self._now_ns = now_ns
        self._rate_hz = rate_hz
        self._pending: list[tuple[int, float, float]] = []
        self._started_ns: int | None = None
        self._last_ns = 0

    @property
    def description(self) -> TrackerDescription:
        """A mouse."""
        return TrackerDescription("mouse", "mouse", "Mouse pointer in place of gaze", "", self._rate_hz)

    def start(self) -> None:
        """Take positions from now on."""
        self._pending.clear()
        self._started_ns = self._last_ns = self._now_ns()

    def push(self, host_ns: int, x: float, y: float) -> None:
        """Take one position; one from before `start` or after `stop` is not part of the stream and is left out.

        Args:
            host_ns: When the pointer was there, on the host clock.
            x: Fraction of the display area across, or NaN while the pointer is away.
            y: Fraction of the display area down, or NaN while the pointer is away.

        Raises:
            TrackerError: The position is older than the one before it; it is not taken.
        """
        if self._started_ns is None or host_ns < self._started_ns:
            return
        if host_ns < self._last_ns:
            raise TrackerError("A pointer position came out of order and was not taken.", "Push positions in the order they happened.")
        self._last_ns = host_ns
        self._pending.append((host_ns, x, y))

    def drain(self) -> GazeSamples:
        """Every position since the last call."""
        pending, self._pending = self._pending, []
        samples = GazeSamples.blank(len(pending), "mouse")
        if pending:
            host_ns, x, y = zip(*pending, strict=True)
            rows = samples.rows
            rows["host_ns"] = host_ns
            rows["device_us"] = rows["host_ns"] // 1000
            rows["left_x"] = rows["right_x"] = x
            rows["left_y"] = rows["right_y"] = y
            rows["left_valid"] = rows["right_valid"] = np.isfinite(rows["left_x"]) & np.isfinite(rows["left_y"])
        return samples

    def stop(self) -> None:
        """Take no more positions; those not drained yet can still be drained."""
        self._started_ns = None

    def close(self) -> None:
        """Stop; there is no device to let go."""
        self.stop()
