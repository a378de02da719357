"""How a simulated tracker errs, and how calibrating it with a simulated reader puts that right.

Each eye is off by a constant offset and by a drift that grows with time; a calibration measures both at the points that were
collected and takes the mean out. What it cannot know stays: noise, and drift since.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import TrackerError
from egma_core.trackers.calibration import (
    CalibrationEventKind,
    CalibrationResult,
    EyeCalibration,
    Point,
    PointCalibration,
    Task,
)
from egma_core.trackers.lapses import Lapses

_TAKES_S: dict[CalibrationEventKind, float] = {"entered": 0.1, "collected": 0.8, "computed": 0.3}
_SETTLE_S = 0.3  # the eyes find the target
_RATE_HZ = 60.0
_NEEDED = 0.5  # share of a point's samples
_LEAST_POINTS = 2
_DATA = struct.Struct("<4d")


class EyeErrors:
    """How far each eye's gaze is off, in degrees: columns left x, left y, right x, right y."""

    def __init__(self, offset_deg: NDArray[np.float64], drift_deg_per_min: NDArray[np.float64]) -> None:
        """Be off by `offset_deg` (4,) at the first time asked for, and by `drift_deg_per_min` (4,) more every minute since."""
        self._offset_deg = offset_deg
        self._drift_deg_ns = drift_deg_per_min / 60e9
        self._since_ns: int | None = None
        self.correction_deg = np.zeros(4)

    def at(self, host_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n, 4) errors at (n,) times, less what the calibration takes out."""
        if not self._drift_deg_ns.any():
            return np.broadcast_to(self._offset_deg - self.correction_deg, (len(host_ns), 4))
        if self._since_ns is None:
            self._since_ns = int(host_ns[0])
        return self._offset_deg - self.correction_deg + np.outer(host_ns - self._since_ns, self._drift_deg_ns)


class SimulatedCalibration:
    """Calibrates a simulated tracker: the reader looks at the point that is collected, with noise and blinks."""

    def __init__(
        self,
        now_ns: Callable[[], int],
        errors: EyeErrors,
        per_deg: NDArray[np.float64],
        look_at: Callable[[Point, float], None],
        *,
        noise_deg: float,
        blinks: Lapses,
        rng: np.random.Generator,
    ) -> None:
        """Calibrate `errors`.

        Args:
            now_ns: The host clock.
            errors: What is off, and where the correction goes.
            per_deg: (4,) display fractions a degree, in the columns of `errors`.
            look_at: Makes the reader's eyes go to a point for some seconds, for whoever watches the stream.
            noise_deg: Standard deviation of each sample along each axis.
            blinks: When the eyes are shut.
            rng: Draws the noise.
        """
        self._now_ns = now_ns
        self._errors = errors
        self._per_deg = per_deg
        self._look_at = look_at
        self._noise_deg = noise_deg
        self._blinks = blinks
        self._rng = rng
        self._begun_ns: int | None = None
        self._collected: dict[Point, tuple[NDArray[np.float64], NDArray[np.bool_]]] = {}

    def enter(self, _points: Sequence[Point]) -> None:
        """Forget earlier points."""
        self._collected.clear()

    def collect(self, point: Point) -> bool:
        """Measure the eyes at `point` over the last half second; False if they were shut for too much of it."""
        end_ns = self._now_ns()
        n = round((_TAKES_S["collected"] - _SETTLE_S) * _RATE_HZ)
        at_ns = end_ns - np.arange(n - 1, -1, -1, dtype=np.int64) * round(1e9 / _RATE_HZ)
        error_deg = self._errors.at(at_ns) + self._noise_deg * self._rng.standard_normal((n, 4))
        if self._begun_ns is None:
            self._begun_ns = int(at_ns[0])
        seen = ~self._blinks.at((at_ns - self._begun_ns) / 1e9)
        if seen.mean() < _NEEDED:
            return False
        self._collected[point] = (error_deg, seen)
        return True

    def discard(self, point: Point) -> None:
        """Forget `point`.

        Raises:
            TrackerError: It was not collected.
        """
        if self._collected.pop(point, None) is None:
            raise TrackerError("A point was discarded that was never collected.", "Collect it first.")

    def compute(self) -> CalibrationResult:
        """Take the mean error of all points out of both eyes; no eye is calibrated by fewer than two points."""
        if len(self._collected) < _LEAST_POINTS:
            return CalibrationResult(frozenset(), self._points(np.zeros(4)))
        shift_deg = np.mean([error[seen].mean(axis=0) for error, seen in self._collected.values()], axis=0)
        self._errors.correction_deg = self._errors.correction_deg + shift_deg
        return CalibrationResult(frozenset({"left", "right"}), self._points(shift_deg), _DATA.pack(*self._errors.correction_deg))

    def apply(self, data: bytes) -> None:
        """Use an earlier correction.

        Raises:
            TrackerError: The data are none of a simulated tracker's.
        """
        if len(data) != _DATA.size:
            raise TrackerError("This calibration was not made with a simulated tracker.", "Calibrate again.")
        self._errors.correction_deg = np.array(_DATA.unpack(data))

    def leave(self) -> None:
        """Nothing is to be put away."""

    def submit(self, kind: CalibrationEventKind, point: Point | None, work: Callable[[], Any]) -> Task:
        """Do `work` when the clock says that it has taken its time; the reader looks at a point as soon as it is collected."""
        if kind == "collected" and point is not None:
            self._look_at(point, _TAKES_S[kind] + _SETTLE_S)
        return _Due(self._now_ns, self._now_ns() + round(_TAKES_S.get(kind, 0.0) * 1e9), work)

    def _points(self, shift_deg: NDArray[np.float64]) -> tuple[PointCalibration, ...]:
        return tuple(
            PointCalibration(
                *point,
                *(
                    EyeCalibration(np.array(point) + ((error - shift_deg) * self._per_deg)[:, columns], seen)
                    for columns in (slice(0, 2), slice(2, 4))
                ),
            )
            for point, (error, seen) in self._collected.items()
        )


class _Due:
    """A call that is carried out once its time has come."""

    def __init__(self, now_ns: Callable[[], int], due_ns: int, work: Callable[[], Any]) -> None:
        self._now_ns = now_ns
        self._due_ns = due_ns
        self._work = work

    def done(self) -> bool:
        return self._now_ns() >= self._due_ns

    def outcome(self) -> Any:
        return self._work()
