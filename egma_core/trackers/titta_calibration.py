"""Calibration through TittaPy, whose own thread carries it out call by call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from egma_core.errors import TrackerError
from egma_core.trackers.calibration import CalibrationResult, EyeCalibration, Point, PointCalibration
from egma_core.trackers.titta_search import calling
from egma_core.trackers.tobii_sdk import tobii_error, trouble_of

_ACTION_S = 30.0
_POLL_S = 0.005
_OPERATION_FAILED = 214


class TittaCalibration:
    """TittaPy's calibration queue, a call at a time: each waits until its result comes."""

    def __init__(self, eye_tracker: Any, model: str) -> None:
        """Calibrate an `EyeTracker` of either module, of a model."""
        self._tracker = eye_tracker
        self._model = model

    def enter(self, _points: Sequence[Point]) -> None:
        """Begin, with nothing left over from before."""
        while self._tracker.calibration_retrieve_result() is not None:  # left over from an earlier calibration
            continue
        if not calling(self._model, lambda: self._tracker.enter_calibration_mode(False)):
            raise tobii_error("busy", self._model)
        try:
            self._result("enter")
        except TrackerError:
            self._tracker.leave_calibration_mode()
            raise

    def collect(self, point: Point) -> bool:
        """Collect at a point; False where the SDK saw too little of the eyes."""
        calling(self._model, lambda: self._tracker.calibration_collect_data(list(point)))
        try:
            self._result("collect_data")
        except _OperationFailedError:  # the SDK's answer when it has seen too little of the eyes
            return False
        return True

    def discard(self, point: Point) -> None:
        """Forget a point."""
        calling(self._model, lambda: self._tracker.calibration_discard_data(list(point)))
        self._result("discard_data")

    def compute(self) -> CalibrationResult:
        """Compute, and keep the tracker's data of it."""
        calling(self._model, self._tracker.calibration_compute_and_apply)
        made = self._result("compute").get("calibration_result")
        status = made["status"].name if made else "failure"
        eyes = {"success": {"left", "right"}, "success_left_eye": {"left"}, "success_right_eye": {"right"}}.get(status, set())
        points = tuple(self._point(point) for point in made["points"]) if made else ()
        return CalibrationResult(frozenset(eyes), points, self._data() if eyes else b"")

    def apply(self, data: bytes) -> None:
        """Use earlier data."""
        calling(self._model, lambda: self._tracker.calibration_apply_data(list(data)))
        self._result("apply_calibration_data")

    def leave(self) -> None:
        """End; TittaPy waits for its thread."""
        self._tracker.leave_calibration_mode()

    def _data(self) -> bytes:
        calling(self._model, self._tracker.calibration_get_data)
        return bytes(self._result("get_calibration_data").get("calibration_data", ()))

    def _result(self, action: str) -> dict[str, Any]:
        deadline = time.perf_counter_ns() + round(_ACTION_S * 1e9)
        while time.perf_counter_ns() < deadline:
            result = self._tracker.calibration_retrieve_result()
            if result is not None and result["work_item"]["action"].name == action:
                code = int(result["status"])
                if code == _OPERATION_FAILED:
                    raise _OperationFailedError(self._model)
                if code:
                    raise tobii_error(trouble_of(code), self._model, code)
                return result
            time.sleep(_POLL_S)
        raise tobii_error("connection", self._model)

    def _point(self, point: dict[str, Any]) -> PointCalibration:
        eyes: list[EyeCalibration] = []
        for side in ("left", "right"):
            place = f"samples_{side}_position_on_display_area"
            xy = np.stack([np.asarray(point[f"{place}_x"], np.float64), np.asarray(point[f"{place}_y"], np.float64)], axis=-1)
            used = np.array([validity.name == "valid_and_used" for validity in point[f"samples_{side}_validity"]], np.bool_)
            eyes.append(EyeCalibration(xy, used))
        return PointCalibration(float(point["position_on_display_area_x"]), float(point["position_on_display_area_y"]), *eyes)


class _OperationFailedError(TrackerError):
    """The SDK tried and could not."""

    def __init__(self, model: str) -> None:
        error = tobii_error("other", model, _OPERATION_FAILED)
        super().__init__(error.what, error.remedy)
