"""TittaPy, which carries Tobii's SDK for every Python, as a `TobiiDevice`; samples wait in its own C++ buffers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import TrackerError
from egma_core.trackers.calibration import CalibrationDevice
from egma_core.trackers.titta_calibration import TittaCalibration
from egma_core.trackers.titta_search import calling, module_for, sdk
from egma_core.trackers.tobii_sdk import DisplayArea, GazeBatch, Notice, TobiiInfo, Trouble, tobii_error
from egma_core.trackers.tracker import EyePosition, TrackerEventKind

T = TypeVar("T")

_NOTICES: dict[str, tuple[TrackerEventKind, str]] = {
    "connection_lost": ("connection_lost", ""),
    "connection_restored": ("connection_restored", ""),
    "calibration_changed": ("calibration_changed", "The tracker's calibration was changed."),
    "display_area_changed": ("display_area", ""),
    "gaze_output_frequency_changed": ("rate_changed", "The tracker runs at another rate now."),
    "device_faults": ("warning", "The tracker reports a fault."),
    "device_warnings": ("warning", "The tracker reports a warning."),
    "stream_buffer_overflow": ("overflow", "Tobii's SDK could not pass samples on fast enough; some are lost."),
}
_STREAM_ERRORS: dict[str, Trouble] = {
    "connection_lost": "connection",
    "insufficient_license": "licence",
    "not_supported": "unsupported",
    "too_many_subscribers": "busy",
}


def connect(info: TobiiInfo) -> TittaDevice:
    """Connect to a tracker that was found.

    Raises:
        MissingExtraError: TittaPy is not installed.
        TrackerError: It does not answer.
    """
    module = sdk(module_for(info.model))
    return TittaDevice(module, calling(info.model, lambda: module.EyeTracker(info.address)))


class TittaDevice:
    """One tracker through TittaPy."""

    def __init__(self, module: Any, eye_tracker: Any) -> None:
        """Use an `EyeTracker` of `module`."""
        self._sdk = module
        self._tracker = eye_tracker
        self._model = str(eye_tracker.model)
        self._started = False

    @property
    def info(self) -> TobiiInfo:
        """What it is now."""
        tracker = self._tracker
        return self._call(
            lambda: TobiiInfo(
                str(tracker.model),
                str(tracker.serial_number),
                str(tracker.firmware_version),
                str(tracker.address),
                float(tracker.frequency),
                tuple(float(rate) for rate in tracker.supported_frequencies),
                self._sdk.capability.can_do_screen_based_calibration in tracker.capabilities,
            )
        )

    @property
    def calibration(self) -> CalibrationDevice:
        """Its calibration, done by TittaPy's own thread."""
        return TittaCalibration(self._tracker, self._model)

    def system_us(self) -> int:
        """The SDK's clock."""
        return int(self._sdk.get_system_timestamp())

    def set_rate(self, rate_hz: float) -> None:
        """Have it run at one of its rates."""
        self._call(lambda: setattr(self._tracker, "frequency", rate_hz))

    def display_area(self) -> DisplayArea:
        """The screen it is set up for."""
        area = self._call(lambda: self._tracker.display_area)
        if area["width"] <= 0 or area["height"] <= 0:
            raise tobii_error("display_area", self._model)
        return DisplayArea(tuple(area["top_left"]), tuple(area["bottom_right"]), float(area["width"]), float(area["height"]))

    def watch(self) -> None:
        """Have notifications and stream errors kept."""
        self._sdk.start_logging()
        self._call(lambda: self._tracker.start("notification"))

    def start(self) -> None:
        """Subscribe to gaze, then to the position guide (the order that TittaPy asks for)."""
        self._started = True
        for stream in ("gaze", "positioning"):
            self._call(lambda stream=stream: self._tracker.start(stream))

    def stop(self) -> None:
        """Unsubscribe, from the position guide first."""
        self._started = False
        for stream in ("positioning", "gaze"):
            self._end(stream)

    def clear(self) -> None:
        """Forget what was received."""
        for stream in ("positioning", "gaze"):
            self._tracker.clear(stream)

    def take(self) -> tuple[GazeBatch, bool]:
        """The samples received since the last call; TittaPy's buffers grow, so none is pushed out."""
        return _batch(self._tracker.consume_N("gaze")), False

    def notices(self) -> Sequence[Notice]:
        """What was told since the last call."""
        told = self._tracker.consume_N("notification")
        notices: list[Notice] = []
        for at_us, told_kind in zip(told["system_time_stamp"], told["notification_type"], strict=True):
            if told_kind.name in _NOTICES:
                kind, detail = _NOTICES[told_kind.name]
                notices.append(Notice(int(at_us), kind, detail=detail))
        for entry in self._sdk.get_log(True):
            if "error" in entry:  # a stream error, among the SDK's log messages
                trouble: Trouble = _STREAM_ERRORS.get(entry["error"].name, "other")
                lost = trouble == "connection"
                notices.append(Notice(int(entry["system_time_stamp"]), "connection_lost" if lost else "warning", trouble))
        return sorted(notices, key=lambda notice: notice.system_us or 0)

    def guide(self) -> tuple[EyePosition | None, EyePosition | None] | None:
        """Where the eyes were last."""
        last = self._tracker.peek_N("positioning", 1)
        if not len(last["left_user_position_valid"]):
            return None
        return _guided(last, "left"), _guided(last, "right")

    def close(self) -> None:
        """Unsubscribe from everything."""
        if self._started:
            self.stop()
        self._end("notification")

    def _end(self, stream: str) -> None:
        try:
            self._call(lambda: self._tracker.stop(stream))
        except TrackerError:  # it is gone, and its streams with it
            return

    def _call(self, work: Callable[[], T]) -> T:
        return calling(self._model, work)


def _batch(taken: dict[str, Any]) -> GazeBatch:
    def floats(name: str) -> NDArray[np.float64]:
        return np.asarray(taken[name], np.float64)

    def stacked(name: str, axes: str) -> NDArray[np.float64]:
        return np.stack([floats(f"{name}_{axis}") for axis in axes], axis=-1)

    def flag(name: str) -> NDArray[np.bool_]:
        return np.asarray(taken[f"{name}_valid"], np.bool_) & np.asarray(taken[f"{name}_available"], np.bool_)

    sides = ("left", "right")
    return GazeBatch(
        np.asarray(taken["device_time_stamp"], np.int64),
        np.asarray(taken["system_time_stamp"], np.int64),
        {side: stacked(f"{side}_gaze_point_on_display_area", "xy") for side in sides},
        {side: flag(f"{side}_gaze_point") for side in sides},
        {side: stacked(f"{side}_gaze_origin_in_user_coordinates", "xyz") for side in sides},
        {side: flag(f"{side}_gaze_origin") for side in sides},
        {side: floats(f"{side}_pupil_diameter") for side in sides},
        {side: flag(f"{side}_pupil") for side in sides},
    )


def _guided(last: dict[str, Any], side: str) -> EyePosition | None:
    if not last[f"{side}_user_position_valid"][-1]:
        return None
    x, y, z = (float(last[f"{side}_user_position_{axis}"][-1]) for axis in "xyz")
    return EyePosition(x, y, z, float("nan"))
