"""An eye tracker of one's own in 40 lines: a reader whose gaze goes round in a circle, 50 times a second."""

from __future__ import annotations

import numpy as np

from egma_core.gaze.samples import GazeSamples
from egma_core.trackers.driver import Driver, TrackerRequest
from egma_core.trackers.tracker import Tracker, TrackerDescription


class CircleTracker(Tracker):
    description = TrackerDescription("circle", "simulated", "Example: gaze in a circle", "", 50.0)

    def __init__(self, request: TrackerRequest) -> None:
        self._now_ns, self._start_ns, self._stop_ns, self._n_given = request.now_ns, 0, -1, 0

    def start(self) -> None:
        self._start_ns, self._stop_ns, self._n_given = self._now_ns(), None, 0

    def drain(self) -> GazeSamples:
        until_ns = self._now_ns() if self._stop_ns is None else self._stop_ns
        numbers = np.arange(self._n_given, max((until_ns - self._start_ns) // 20_000_000 + 1, self._n_given))
        self._n_given += len(numbers)
        samples = GazeSamples.blank(len(numbers), "simulated")  # no eye seen, until told otherwise
        rows = samples.rows
        rows["host_ns"] = self._start_ns + numbers * 20_000_000
        rows["device_us"] = rows["host_ns"] // 1000
        rows["left_x"] = rows["right_x"] = 0.5 + 0.2 * np.cos(numbers / 50)
        rows["left_y"] = rows["right_y"] = 0.5 + 0.2 * np.sin(numbers / 50)
        rows["left_valid"] = rows["right_valid"] = True
        return samples

    def stop(self) -> None:
        self._stop_ns = self._now_ns() if self._stop_ns is None else self._stop_ns

    close = stop


DRIVER = Driver("Example: gaze in a circle", CircleTracker, at_once=True)
