"""Gazepoint's calibration: the server goes through a list of points at its own pace, once started."""

from __future__ import annotations

import queue
from collections.abc import Sequence

import numpy as np

from egma_core.errors import TrackerError
from egma_core.trackers.calibration import CalibrationResult, EyeCalibration, Point, PointCalibration
from egma_core.trackers.open_gaze import OpenGazeConnection, Record

_MOVE_S = 1.0  # the target moves on and the eyes follow ...
_REST_S = 0.75  # ... and rest on it while the server collects
_PATIENCE_S = 3.0
_CLOSE = 5e-4  # points are the same that agree to the digits that are sent


class GazepointCalibration:
    """Calibrates through an Open Gaze server.

    The first `collect` starts the server; from then on it gives each point 1 s to be shown and 0.75 s to be collected. Whoever
    shows the targets goes on to the next as soon as one is collected; a point asked for only after the server was through with
    it counts as failed. Points cannot be collected anew: everything is done again instead.
    """

    def __init__(self, connection: OpenGazeConnection) -> None:
        """Calibrate through `connection`."""
        self._connection = connection
        self._points: tuple[Point, ...] = ()
        self._n_done = 0
        self._started = False

    def enter(self, points: Sequence[Point]) -> None:
        """Give the server the points; its own window stays hidden, since the targets are shown by this program.

        Raises:
            TrackerError: It does not take them.
        """
        self._points, self._n_done, self._started = tuple(points), 0, False
        self._forget()
        self._set("CALIBRATE_SHOW", STATE=0)
        self._set("CALIBRATE_CLEAR")
        self._set("CALIBRATE_DELAY", VALUE=_MOVE_S)
        self._set("CALIBRATE_TIMEOUT", VALUE=_REST_S)
        for x, y in points:
            self._set("CALIBRATE_ADDPOINT", X=f"{x:.5f}", Y=f"{y:.5f}")

    def collect(self, point: Point) -> bool:
        """Wait until the server is through with `point`; False if it was before it was asked.

        Raises:
            TrackerError: It is not this point's turn, or the server says nothing.
        """
        if self._n_done == len(self._points) or not _same(self._points[self._n_done], point):
            raise TrackerError(
                "A Gazepoint tracker calibrates its points in the order they were given, each once.",
                "Leave the calibration and do all again.",
            )
        self._n_done += 1
        late = self._started and not self._connection.calibration.empty() and self._through()
        if late:
            return False
        if not self._started:
            self._set("CALIBRATE_START", STATE=1)
            self._started = True
        self._await("CALIB_RESULT_PT")
        return True

    def discard(self, _point: Point) -> None:
        """Not possible.

        Raises:
            TrackerError: Always.
        """
        raise TrackerError("A Gazepoint tracker cannot do a single point again.", "Leave the calibration and do all points again.")

    def compute(self) -> CalibrationResult:
        """What the server has made of the points; an eye is calibrated that was seen at more than half of them.

        Raises:
            TrackerError: The points are not through, or the server says nothing.
        """
        if self._n_done < len(self._points):
            raise TrackerError("The calibration is not through all of its points.", "Collect them all first.")
        record = self._await("CALIB_RESULT")
        points: list[PointCalibration] = []
        while f"CALX{len(points) + 1}" in record.fields:
            n = len(points) + 1
            left, right = (_eye(record, letter, n) for letter in "LR")
            points.append(PointCalibration(record.number(f"CALX{n}"), record.number(f"CALY{n}"), left, right))
        needed = len(points) / 2
        eyes = {side for side in ("left", "right") if sum(bool(getattr(point, side).used.any()) for point in points) > needed}
        return CalibrationResult(frozenset(eyes), tuple(points))

    def apply(self, _data: bytes) -> None:
        """Not possible.

        Raises:
            TrackerError: Always.
        """
        raise TrackerError("A Gazepoint tracker gives no calibration data, so an earlier one cannot be used again.", "Calibrate again.")

    def leave(self) -> None:
        """Stop the server's calibration."""
        self._connection.send("SET", "CALIBRATE_START", STATE=0)
        self._forget()

    def _set(self, what: str, **values: object) -> None:
        if self._connection.ask("SET", what, **values) is None:
            raise TrackerError(f"The Gazepoint tracker refuses to calibrate ({what}).", "Close other programs that use it, and try again.")

    def _through(self) -> bool:
        """Whether the server has ended the point already."""
        waiting = range(self._connection.calibration.qsize())
        return any(self._connection.calibration.get().id == "CALIB_RESULT_PT" for _ in waiting)

    def _await(self, what: str) -> Record:
        while True:
            try:
                record = self._connection.calibration.get(timeout=_MOVE_S + _REST_S + _PATIENCE_S)
            except queue.Empty:
                raise TrackerError(
                    "The Gazepoint tracker has stopped calibrating.", "See whether Gazepoint Control is running, and begin again."
                ) from None
            if record.id == what:
                return record

    def _forget(self) -> None:
        while not self._connection.calibration.empty():
            self._connection.calibration.get()


def _same(one: Point, other: Point) -> bool:
    return abs(one[0] - other[0]) < _CLOSE and abs(one[1] - other[1]) < _CLOSE


def _eye(record: Record, letter: str, n: int) -> EyeCalibration:
    place = record.number(f"{letter}X{n}"), record.number(f"{letter}Y{n}")
    return EyeCalibration(np.array([place]), np.array([record.number(f"{letter}V{n}", 0.0) == 1.0]))
