"""The seam every eye tracker fits: start, drain, stop, and what it can do besides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from egma_core.gaze.samples import GazeOrigin, GazeSamples
from egma_core.trackers.calibration import Calibration

Capability = Literal[
    "calibration",
    "redo_point",
    "calibration_data",
    "paced_calibration",
    "position_guide",
    "pupil",
    "distance",
    "display_area",
]
"""Optional abilities, as `TrackerDescription.capabilities` names them.

`calibration`: it is calibrated through `Tracker.calibration`. `redo_point`: one point can be discarded and collected again.
`calibration_data`: a result can be kept as bytes and applied again. `paced_calibration`: the tracker itself goes from point to
point once the first is collected. `position_guide`: it tells where the eyes are. `pupil`, `distance`: samples carry them.
`display_area`: it knows the size of the screen it is set up for.
"""

TrackerEventKind = Literal[
    "connection_lost",
    "connection_restored",
    "overflow",
    "licence",
    "display_area",
    "calibration_changed",
    "rate_changed",
    "warning",
    "finished",
]


@dataclass(frozen=True)
class TrackerDescription:
    """What is known of a tracker.

    Attributes:
        name: The driver's short name: `simulated`, `mouse`, `tobii`, ...
        origin: The origin its samples carry.
        model: Maker and model, for people.
        serial: Serial number, or "".
        rate_hz: Nominal samples per second; 0 for a device that reports only on change.
        capabilities: Names of optional abilities, see `Capability`.
        firmware: Version of what runs on it, or "".
        rates_hz: Every rate that it can run at; empty where it has no choice or does not say.
        display_mm: Width and height in mm of the screen it is set up for, or None.
    """

    name: str
    origin: GazeOrigin
    model: str
    serial: str
    rate_hz: float
    capabilities: frozenset[str] = frozenset()
    firmware: str = ""
    rates_hz: tuple[float, ...] = ()
    display_mm: tuple[float, float] | None = None


@dataclass(frozen=True)
class TrackerEvent:
    """Something that happened to the tracker or its stream.

    Attributes:
        host_ns: When, on the host clock.
        kind: What, for programs.
        text: What, and what to do about it, for people.
    """

    host_ns: int
    kind: TrackerEventKind
    text: str


@dataclass(frozen=True)
class EyePosition:
    """Where one eye is in the space that the tracker sees.

    Attributes:
        x: 0 at the left edge of that space and 1 at its right, as in a mirror.
        y: 0 at its top and 1 at its bottom.
        z: 0 nearest to the screen and 1 farthest; 0.5 is best. NaN where the tracker does not say.
        distance_mm: Eye to display centre in mm; NaN where the tracker does not say.
    """

    x: float
    y: float
    z: float
    distance_mm: float


@dataclass(frozen=True)
class Position:
    """Where the eyes are; None for an eye that is not seen."""

    left: EyePosition | None
    right: EyePosition | None


class Tracker(Protocol):
    """A source of gaze. It is pulled, never calls back, and is used from one thread; no method waits for the device.

    `start` begins and `stop` ends the stream (both may be called again); `drain` returns every sample that has arrived since
    the last call, oldest first, with `host_ns` on the host clock, never going back, and `device_us` as the device gave it;
    after `stop` it returns those that belong to the time before. A connection that is lost is told by `events` while `drain`
    returns nothing. `close` lets the device go, whatever state it is in. All may raise `TrackerError`.

    A driver that inherits from this class need only define what has no body here.
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

    def events(self) -> Sequence[TrackerEvent]:
        """What has happened since the last call, oldest first."""
        return ()

    def position(self) -> Position | None:
        """Where the eyes were last seen since the start, or None where nothing is known of that."""
        return None

    @property
    def calibration(self) -> Calibration | None:
        """The way to calibrate it, or None for a tracker that is calibrated elsewhere or not at all."""
        return None
