"""Gaze at targets between readings: the tracker's stream while somebody is set up, and the samples of one look after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from egma_core.errors import ConfigError, TrackerError
from egma_core.gaze.samples import GazeSamples
from egma_core.gaze.validation import Look
from egma_core.recording.clock import Clock
from egma_core.trackers.calibration import Point
from egma_core.trackers.simulated import SimulatedTracker
from egma_core.trackers.tracker import Tracker

LookKind = Literal["validation", "drift_check"]

_LATE_NS = 300_000_000  # a tracker's samples may come so late, but not later
_LINGER_S = 0.5  # simulated eyes stay until the next target shows
_RATE_HELD = 0.98  # a tracker's rate may be so much below its nominal one before samples count as missing


@dataclass(frozen=True)
class LookRequest:
    """A look that is wanted.

    Attributes:
        point: The target, in fractions of the display.
        kind: What it is for.
        settle_s: How long the eyes may take to find the target.
        lasting_s: How long they are then watched.
    """

    point: Point
    kind: LookKind
    settle_s: float
    lasting_s: float


class LookStream:
    """The tracker's stream between readings, and the look that is being taken from it."""

    def __init__(self, clock: Clock, tracker: Tracker) -> None:
        """The stream is not started."""
        self._clock = clock
        self._tracker = tracker
        self._streaming = False
        self._request: LookRequest | None = None
        self._from_ns = self._until_ns = 0
        self._blocks: list[GazeSamples] = []

    @property
    def looking(self) -> bool:
        """Whether a look is being taken."""
        return self._request is not None

    @property
    def streaming(self) -> bool:
        """Whether the tracker's stream runs for this."""
        return self._streaming

    @property
    def last_ns(self) -> int:
        """When the last look ended, or ends."""
        return self._until_ns

    def start(self) -> None:
        """Begin the tracker's stream, if it does not run yet.

        Raises:
            TrackerError: It does not start.
        """
        if not self._streaming:
            self._tracker.start()
            self._streaming = True

    def stop(self) -> None:
        """End the stream and give up a look that is being taken.

        Raises:
            TrackerError: It does not stop.
        """
        self._request, self._blocks = None, []
        if self._streaming:
            self._streaming = False
            self._tracker.stop()

    def take(self, request: LookRequest) -> None:
        """Begin a look, in place of one that is being taken; `step` answers with it. Simulated eyes are sent to the target.

        Raises:
            TrackerError: The tracker's stream does not start.
        """
        self.start()
        self._request, self._blocks = request, []
        self._from_ns = self._clock.now_ns() + round(request.settle_s * 1e9)
        self._until_ns = self._from_ns + round(request.lasting_s * 1e9)
        if isinstance(self._tracker, SimulatedTracker):
            self._tracker.glance(request.point, request.settle_s + request.lasting_s + _LINGER_S)

    def step(self) -> tuple[LookRequest, Look] | None:
        """Take in what the tracker has given; the look, once it is complete.

        Raises:
            TrackerError: The tracker gives nothing any more; a look that was being taken is given up.
        """
        if not self._streaming:
            return None
        try:
            samples = self._tracker.drain()
        except TrackerError:
            self._request, self._blocks = None, []
            raise
        request = self._request
        if request is None:
            return None
        self._blocks.append(samples)
        arrived = len(samples) > 0 and int(samples.host_ns[-1]) >= self._until_ns
        if not arrived and self._clock.now_ns() < self._until_ns + _LATE_NS:
            return None
        everything = GazeSamples.join(self._blocks, self._tracker.description.origin)
        inside = (everything.host_ns >= self._from_ns) & (everything.host_ns < self._until_ns)
        n_due = int(self._tracker.description.rate_hz * request.lasting_s * _RATE_HELD)
        self._request, self._blocks = None, []
        return request, Look(request.point, GazeSamples(everything.rows[inside], everything.origin), n_due)


def point_of(value: object) -> Point:
    """A target as commands name it: [x, y] in fractions of the display.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(value, list) and len(cast(list[Any], value)) == 2:
        x, y = cast(list[Any], value)
        if all(isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= 1 for v in (x, y)):
            return float(x), float(y)
    raise ConfigError("A target must be [x, y].", "Send two fractions of the display, from 0 to 1.")


def look_kind(name: str) -> LookKind:
    """What a look is for.

    Raises:
        ConfigError: No look is for that.
    """
    for kind in get_args(LookKind):
        if name == kind:
            return kind
    raise ConfigError(f"A look cannot be for '{name}'.", f"Known: {', '.join(get_args(LookKind))}.")
