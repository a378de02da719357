"""Calibration through `tobii_research`, and its errors in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from egma_core.trackers.calibration import CalibrationResult, EyeCalibration, Point, PointCalibration
from egma_core.trackers.tobii_sdk import Trouble, tobii_error

T = TypeVar("T")

_ERRORS: dict[str, Trouble] = {
    "EyeTrackerConnectionFailedError": "connection",
    "EyeTrackerUnavailableError": "connection",
    "EyeTrackerLicenseError": "licence",
    "EyeTrackerSavedLicenseFailedToApplyError": "licence",
    "EyeTrackerDisplayAreaNotValidError": "display_area",
    "EyeTrackerFeatureNotSupportedError": "unsupported",
    "EyeTrackerFeatureDeprecatedError": "unsupported",
    "EyeTrackerOperationFailedError": "busy",
    "EyeTrackerInvalidOperationError": "other",
    "EyeTrackerInternalError": "other",
}


def calling(module: Any, model: str, work: Callable[[], T]) -> T:
    """Call the SDK; what it raises becomes words."""
    raised = tuple(error for name in _ERRORS if (error := getattr(module, name, None)) is not None)
    try:
        return work()
    except raised as error:
        raise tobii_error(_ERRORS[type(error).__name__], model) from error
    except ValueError as error:
        raise tobii_error("unsupported", model) from error


class TobiiResearchCalibration:
    """`ScreenBasedCalibration`, call by call."""

    def __init__(self, module: Any, eye_tracker: Any) -> None:
        """Calibrate an `EyeTracker` of the SDK `module`."""
        self._sdk = module
        self._tracker = eye_tracker
        self._made: Any = None

    def enter(self, _points: Sequence[Point]) -> None:
        """Enter calibration mode."""
        self._made = self._call(lambda: self._sdk.ScreenBasedCalibration(self._tracker))
        self._call(self._made.enter_calibration_mode)

    def collect(self, point: Point) -> bool:
        """Collect at a point; False where the SDK saw too little of the eyes."""
        return self._call(lambda: self._made.collect_data(*point)) == self._sdk.CALIBRATION_STATUS_SUCCESS

    def discard(self, point: Point) -> None:
        """Forget a point."""
        self._call(lambda: self._made.discard_data(*point))

    def compute(self) -> CalibrationResult:
        """Compute, and keep the tracker's data of it."""
        made = self._call(self._made.compute_and_apply)
        eyes = {
            self._sdk.CALIBRATION_STATUS_SUCCESS: {"left", "right"},
            self._sdk.CALIBRATION_STATUS_SUCCESS_LEFT_EYE: {"left"},
            self._sdk.CALIBRATION_STATUS_SUCCESS_RIGHT_EYE: {"right"},
        }.get(made.status, set())
        points = tuple(self._point(point) for point in made.calibration_points)
        data = self._call(self._tracker.retrieve_calibration_data) if eyes else b""
        return CalibrationResult(frozenset(eyes), points, bytes(data or b""))

    def apply(self, data: bytes) -> None:
        """Use earlier data."""
        self._call(lambda: self._tracker.apply_calibration_data(data))

    def leave(self) -> None:
        """Leave calibration mode."""
        self._call(self._made.leave_calibration_mode)

    def _call(self, work: Callable[[], T]) -> T:
        return calling(self._sdk, self._tracker.model, work)

    def _point(self, point: Any) -> PointCalibration:
        x, y = (float(value) for value in point.position_on_display_area)
        return PointCalibration(x, y, self._eye(point, "left_eye"), self._eye(point, "right_eye"))

    def _eye(self, point: Any, side: str) -> EyeCalibration:
        samples = [getattr(sample, side) for sample in point.calibration_samples]
        xy = np.array([sample.position_on_display_area for sample in samples], np.float64).reshape(-1, 2)
        return EyeCalibration(xy, np.array([sample.validity == self._sdk.VALIDITY_VALID_AND_USED for sample in samples], np.bool_))
