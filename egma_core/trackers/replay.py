"""A tracker that gives out, once more and in real time, samples that were recorded before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from egma_core.errors import TrackerError
from egma_core.gaze.samples import GazeSamples
from egma_core.trackers.events import EventLog
from egma_core.trackers.tracker import Tracker, TrackerDescription, TrackerEvent


class ReplayTracker(Tracker):
    """Every start plays the samples from the first on, as far apart as they were; then it says that it has finished."""

    def __init__(self, samples: GazeSamples, now_ns: Callable[[], int], *, title: str = "") -> None:
        """Play `samples`.

        Args:
            samples: What was recorded, in order; device times are given out as they are, host times as of now.
            now_ns: The host clock.
            title: Which recording it is, for people.

        Raises:
            TrackerError: There are no samples, or they are out of order.
        """
        if not len(samples):
            raise TrackerError("There are no samples to replay.", "Choose a reading with gaze.")
        self._passed_ns = samples.host_ns - samples.host_ns[0]
        if (np.diff(self._passed_ns) < 0).any():
            raise TrackerError("The samples to replay are out of order.", "Choose another reading.")
        self._samples = samples
        self._now_ns = now_ns
        self._title = title
        self._events = EventLog(now_ns)
        self._start_ns = 0
        self._n_given = len(samples)
        self._stopped_ns: int | None = 0

    @property
    def description(self) -> TrackerDescription:
        """A replay, at the rate of the recording."""
        rows = self._samples.rows
        steps = np.diff(self._passed_ns)
        rate_hz = round(1e9 / float(np.median(steps)), 3) if len(steps) and np.median(steps) > 0 else 0.0
        carried = {name for name, field in (("pupil", "pupil_mm"), ("distance", "distance_mm")) if np.isfinite(rows[f"left_{field}"]).any()}
        return TrackerDescription("replay", "replay", f"Replay of {self._title or 'recorded gaze'}", "", rate_hz, frozenset(carried))

    def start(self) -> None:
        """Play from the first sample on, which is due now."""
        self._start_ns = self._now_ns()
        self._stopped_ns = None
        self._n_given = 0

    def drain(self) -> GazeSamples:
        """Every sample that has become due since the last call."""
        until_ns = self._now_ns() if self._stopped_ns is None else self._stopped_ns
        n_due = int(np.searchsorted(self._passed_ns, until_ns - self._start_ns, side="right"))
        first, self._n_given = self._n_given, max(n_due, self._n_given)
        rows = self._samples.rows[first : self._n_given].copy()
        rows["host_ns"] = self._start_ns + self._passed_ns[first : self._n_given]
        if first < self._n_given == len(self._samples):
            self._events.tell("finished", "The replay has come to its end.")
        return GazeSamples(rows, "replay")

    def stop(self) -> None:
        """End the replay; what is due already can still be drained."""
        if self._stopped_ns is None:
            self._stopped_ns = self._now_ns()

    def close(self) -> None:
        """Stop; there is no device to let go."""
        self.stop()

    def events(self) -> Sequence[TrackerEvent]:
        """That it has finished."""
        return self._events.take()
