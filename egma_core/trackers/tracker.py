"""The seam every eye tracker fits: start, drain, stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from egma_core.gaze.samples import GazeOrigin, GazeSamples


@dataclass(frozen=True)
class TrackerDescription:
    """What is known of a tracker.

    Attributes:
        name: The driver's short name: `simulated`, `mouse`, `tobii`, ...
        origin: The origin its samples carry.
        model: Maker and model, for people.
        serial: Serial number, or "".
        rate_hz: Nominal samples per second; 0 for a device that reports only on change.
        capabilities: Names of optional abilities, such as `calibration`.
    """

    name: str
    origin: GazeOrigin
    model: str
    serial: str
    rate_hz: float
    capabilities: frozenset[str] = frozenset()


class Tracker(Protocol):
    """A source of gaze. It is pulled, never calls back, and is used from one thread.

    `start` begins and `stop` ends the stream (both may be called again); `drain` returns every sample that
    has arrived since the last call, oldest first, with `host_ns` on the host clock, after `stop` those that had
    arrived by then; `close` lets the device go.
    All may raise `TrackerError`.
    """

    @property
    def description(self) -> TrackerDescription:
        """What this tracker is."""
        ...

    def start(self) -> None:
        """Begin the stream."""
        ...

    def drain(self) -> GazeSamples:
        """Every sample since the last call."""
        ...

    def stop(self) -> None:
        """End the stream."""
        ...

    def close(self) -> None:
        """Let the device go."""
        ...
