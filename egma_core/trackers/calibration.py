"""Calibration as a state machine that never blocks: commands begin things, `poll` tells what has come of them.

A driver implements `CalibrationDevice` with plain calls that may take their time; a `Worker` runs them beside the caller.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import EgmaError, TrackerError

Point = tuple[float, float]
"""A place on the display, in fractions of it."""

CalibrationState = Literal["off", "entering", "waiting", "collecting", "discarding", "computing", "applying", "leaving"]
"""`off` outside calibration mode, `waiting` for a command inside it, the others while that is being done."""

CalibrationEventKind = Literal["entered", "collected", "discarded", "computed", "applied", "left"]


@dataclass(frozen=True)
class EyeCalibration:
    """What one eye did at one point.

    Attributes:
        xy: (n, 2) where its samples lay on the display, in fractions.
        used: (n,) whether each was used for the calibration.
    """

    xy: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    used: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))


@dataclass(frozen=True)
class PointCalibration:
    """One point of a calibration: its place in display fractions, and what each eye did."""

    x: float
    y: float
    left: EyeCalibration
    right: EyeCalibration


@dataclass(frozen=True)
class CalibrationResult:
    """What the tracker made of the points.

    Attributes:
        eyes: The eyes that are calibrated now: `left`, `right`, both or none.
        points: Every point with its samples; may be empty unless both eyes succeeded.
        data: The calibration as the tracker keeps it, to be applied again; b"" where it gives none.
    """

    eyes: frozenset[str]
    points: tuple[PointCalibration, ...] = ()
    data: bytes = b""


@dataclass(frozen=True)
class CalibrationEvent:
    """A command has ended.

    Attributes:
        kind: Which.
        ok: Whether it did what was asked; a point may fail to be collected, and a computation to find a calibration.
        point: The point that was collected or discarded.
        result: What was computed.
        error: Why it failed, where the tracker said so.
    """

    kind: CalibrationEventKind
    ok: bool
    point: Point | None = None
    result: CalibrationResult | None = None
    error: EgmaError | None = None


class CalibrationDevice(Protocol):
    """What a driver implements; every call may take its time and raise `TrackerError`. One call at a time."""

    def enter(self, points: Sequence[Point], /) -> None:
        """Enter calibration mode for `points`, in the order in which they will be shown."""
        ...

    def collect(self, point: Point, /) -> bool:
        """Collect at a point that is looked at now; whether enough was seen."""
        ...

    def discard(self, point: Point, /) -> None:
        """Forget what was collected at a point."""
        ...

    def compute(self) -> CalibrationResult:
        """Compute a calibration from what was collected, and use it."""
        ...

    def apply(self, data: bytes, /) -> None:
        """Use an earlier result's `data`."""
        ...

    def leave(self) -> None:
        """Leave calibration mode."""
        ...


class Task(Protocol):
    """Work that was begun."""

    def done(self) -> bool:
        """Whether it has ended."""
        ...

    def outcome(self) -> Any:
        """What it returned; raises what it raised."""
        ...


class Worker(Protocol):
    """Runs a device's calls beside the caller, one after the other."""

    def submit(self, kind: CalibrationEventKind, point: Point | None, work: Callable[[], Any], /) -> Task:
        """Begin `work`, which does what `kind` will tell the end of, at `point` where that has a place."""
        ...


class Calibration:
    """Drives a `CalibrationDevice`; used from one thread; only `close` waits.

    Each command is legal in some states only. Its end is told by an event of `poll`; until then no other command is, except
    `leave`, which waits its turn.
    """

    def __init__(self, device: CalibrationDevice, worker: Worker) -> None:
        """Drive `device` through `worker`."""
        self._device = device
        self._worker = worker
        self._task: tuple[CalibrationEventKind, Point | None, Task] | None = None
        self._state: CalibrationState = "off"
        self._leave_next = False

    @property
    def state(self) -> CalibrationState:
        """Where it stands, as of the last `poll`."""
        return self._state

    def enter(self, points: Sequence[Point]) -> None:
        """Enter calibration mode; `entered` follows.

        Args:
            points: The points, in the order in which they will be shown.

        Raises:
            TrackerError: It is in calibration mode already, or there are no points.
        """
        self._require("off", doing="be entered")
        wanted = tuple(points)
        if not wanted:
            raise TrackerError("A calibration needs points.", "Give the points in the order in which they will be shown.")
        self._begin("entering", "entered", lambda: self._device.enter(wanted))

    def collect(self, point: Point) -> None:
        """Collect at `point`, which the reader is looking at; `collected` follows.

        Raises:
            TrackerError: It is not waiting for a command.
        """
        self._require("waiting", doing="collect a point")
        self._begin("collecting", "collected", lambda: self._device.collect(point), point)

    def discard(self, point: Point) -> None:
        """Forget what was collected at `point`, so that it can be collected again; `discarded` follows.

        Raises:
            TrackerError: It is not waiting for a command.
        """
        self._require("waiting", doing="discard a point")
        self._begin("discarding", "discarded", lambda: self._device.discard(point), point)

    def compute(self) -> None:
        """Compute a calibration from the collected points and use it; `computed` follows, with the result.

        Raises:
            TrackerError: It is not waiting for a command.
        """
        self._require("waiting", doing="compute")
        self._begin("computing", "computed", self._device.compute)

    def apply(self, data: bytes) -> None:
        """Use an earlier result again, such as the better of several; `applied` follows.

        Raises:
            TrackerError: It is not waiting for a command, or the earlier result holds no data.
        """
        self._require("waiting", doing="apply an earlier result")
        if not data:
            raise TrackerError("The earlier calibration cannot be applied: the tracker gave no data for it.", "Calibrate again.")
        self._begin("applying", "applied", lambda: self._device.apply(data))

    def leave(self) -> None:
        """Leave calibration mode, once whatever is being done has ended; `left` follows. Without effect outside of it."""
        if self._state == "waiting":
            self._begin("leaving", "left", self._device.leave)
        elif self._state not in ("off", "leaving"):
            self._leave_next = True

    def poll(self) -> list[CalibrationEvent]:
        """What has ended since the last call, in order."""
        events: list[CalibrationEvent] = []
        while self._task is not None and self._task[2].done():
            event = self._ended(*self._task)
            events.append(event)
            self._task = None
            outside = event.kind == "left" or (event.kind == "entered" and not event.ok)
            self._state = "off" if outside else "waiting"
            leave, self._leave_next = self._leave_next, False
            if leave:
                self.leave()
        return events

    def close(self, patience_s: float = 2.0) -> None:
        """Leave calibration mode for good, waiting at most `patience_s` for what is being done."""
        self.leave()
        deadline = time.perf_counter_ns() + round(patience_s * 1e9)
        while self._state != "off" and time.perf_counter_ns() < deadline:
            self.poll()
            time.sleep(0.002)

    def _require(self, state: CalibrationState, *, doing: str) -> None:
        if self._state != state:
            raise TrackerError(f"The calibration cannot {doing} now: it is {_STANDING[self._state]}.", _NEXT[self._state])

    def _begin(self, state: CalibrationState, kind: CalibrationEventKind, work: Callable[[], Any], point: Point | None = None) -> None:
        self._state = state
        self._task = (kind, point, self._worker.submit(kind, point, work))

    @staticmethod
    def _ended(kind: CalibrationEventKind, point: Point | None, task: Task) -> CalibrationEvent:
        try:
            outcome = task.outcome()
        except EgmaError as error:
            return CalibrationEvent(kind, False, point, error=error)
        if isinstance(outcome, CalibrationResult):
            return CalibrationEvent(kind, bool(outcome.eyes), point, outcome)
        return CalibrationEvent(kind, outcome is not False, point)


_STANDING: dict[CalibrationState, str] = {
    "off": "not in calibration mode",
    "entering": "entering calibration mode",
    "waiting": "in calibration mode already",
    "collecting": "collecting a point",
    "discarding": "discarding a point",
    "computing": "computing",
    "applying": "applying an earlier result",
    "leaving": "leaving calibration mode",
}
_WAIT = "Wait for what is being done to end."
_NEXT: dict[CalibrationState, str] = {
    **dict.fromkeys(_STANDING, _WAIT),
    "off": "Enter calibration mode first.",
    "waiting": "Leave it first.",
}
