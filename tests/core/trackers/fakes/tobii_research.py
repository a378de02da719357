"""A fake of `tobii_research` 2.1: the part of its API that the driver uses, with the same names, values, errors and habits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from tobii_room import ROOM, Hardware

EYETRACKER_GAZE_DATA = "eyetracker_gaze_data"
EYETRACKER_USER_POSITION_GUIDE = "eyetracker_user_position_guide"
EYETRACKER_STREAM_ERRORS = "eyetracker_stream_errors"
EYETRACKER_NOTIFICATION_CONNECTION_LOST = "eyetracker_notification_connection_lost"
EYETRACKER_NOTIFICATION_CONNECTION_RESTORED = "eyetracker_notification_connection_restored"
EYETRACKER_NOTIFICATION_CALIBRATION_CHANGED = "eyetracker_notification_calibration_changed"
EYETRACKER_NOTIFICATION_DISPLAY_AREA_CHANGED = "eyetracker_notification_display_area_changed"
EYETRACKER_NOTIFICATION_GAZE_OUTPUT_FREQUENCY_CHANGED = "eyetracker_notification_gaze_output_frequency_changed"
EYETRACKER_NOTIFICATION_DEVICE_FAULTS = "eyetracker_notification_device_faults"
EYETRACKER_NOTIFICATION_DEVICE_WARNINGS = "eyetracker_notification_device_warnings"
EYETRACKER_NOTIFICATION_STREAM_BUFFER_OVERFLOW = "eyetracker_notification_stream_buffer_overflow"
CAPABILITY_CAN_DO_SCREEN_BASED_CALIBRATION = "capability_can_do_screen_based_calibration"
CAPABILITY_HAS_GAZE_DATA = "capability_has_gaze_data"
CALIBRATION_STATUS_FAILURE = "calibration_status_failure"
CALIBRATION_STATUS_SUCCESS = "calibration_status_success"
CALIBRATION_STATUS_SUCCESS_LEFT_EYE = "calibration_status_success_left_eye"
CALIBRATION_STATUS_SUCCESS_RIGHT_EYE = "calibration_status_success_right_eye"
VALIDITY_VALID_AND_USED = "validity_valid_and_used"
VALIDITY_INVALID_AND_NOT_USED = "validity_invalid_and_not_used"


class EyeTrackerConnectionFailedError(Exception):
    pass


class EyeTrackerUnavailableError(Exception):
    pass


class EyeTrackerLicenseError(Exception):
    pass


class EyeTrackerSavedLicenseFailedToApplyError(Exception):
    pass


class EyeTrackerDisplayAreaNotValidError(Exception):
    pass


class EyeTrackerFeatureNotSupportedError(Exception):
    pass


class EyeTrackerFeatureDeprecatedError(Exception):
    pass


class EyeTrackerOperationFailedError(Exception):
    pass


class EyeTrackerInvalidOperationError(Exception):
    pass


class EyeTrackerInternalError(Exception):
    pass


def get_system_time_stamp() -> int:
    return ROOM.now_us()


def find_all_eyetrackers() -> tuple[EyeTracker, ...]:
    return tuple(EyeTracker(hardware.address) for hardware in ROOM.trackers if hardware.connected)


class DisplayArea:
    def __init__(self, hardware: Hardware) -> None:
        for name, corner in hardware.corners().items():
            setattr(self, name, corner)
        self.width, self.height = hardware.width_mm, 299.0


class EyeTracker:
    def __init__(self, address: str) -> None:
        if not isinstance(address, str):
            raise ValueError("An EyeTracker must be initialized with a URI.")
        hardware = ROOM.at(address)
        if hardware is None:
            raise EyeTrackerInternalError("An unspecified internal error occurred. 'se_internal'")
        self.hardware = hardware
        self._lock = threading.RLock()
        self._subscriptions: dict[str, dict[Callable[..., None], bool]] = {}
        hardware.listeners.append(self._heard)

    address = property(lambda self: self.hardware.address)
    device_name = property(lambda self: "")
    serial_number = property(lambda self: self.hardware.serial)
    model = property(lambda self: self.hardware.model)
    firmware_version = property(lambda self: "2.6.1")
    runtime_version = property(lambda self: "2.7.0")

    @property
    def device_capabilities(self) -> tuple[str, ...]:
        calibration = (CAPABILITY_CAN_DO_SCREEN_BASED_CALIBRATION,) if self.hardware.can_calibrate else ()
        return (CAPABILITY_HAS_GAZE_DATA, *calibration)

    def _check(self) -> None:
        if not self.hardware.connected:
            raise EyeTrackerConnectionFailedError("The connection to the eye tracker failed. 'se_connection_failed'")

    def get_gaze_output_frequency(self) -> float:
        self._check()
        return self.hardware.frequency

    def get_all_gaze_output_frequencies(self) -> tuple[float, ...]:
        self._check()
        return self.hardware.frequencies

    def set_gaze_output_frequency(self, gaze_output_frequency: float) -> None:
        self._check()
        if gaze_output_frequency not in self.hardware.frequencies:
            raise ValueError("The value is out of bounds. 'out_of_bounds'")
        self.hardware.frequency = float(gaze_output_frequency)

    def get_display_area(self) -> DisplayArea:
        self._check()
        if not self.hardware.has_display:
            raise EyeTrackerDisplayAreaNotValidError("The display area is not valid. 'display_area_not_valid'")
        return DisplayArea(self.hardware)

    def retrieve_calibration_data(self) -> bytes:
        self._check()
        return self.hardware.applied

    def apply_calibration_data(self, calibration_data: bytes) -> None:
        self._check()
        if not calibration_data.startswith(b"calibration of "):
            raise ValueError("An invalid parameter has been sent to the API. 'invalid_parameter'")
        self.hardware.applied = calibration_data

    def subscribe_to(self, subscription_type: str, callback: Callable[..., None], as_dictionary: bool = False) -> None:
        assert as_dictionary, "the driver reads dictionaries"
        with self._lock:
            if callback in self._subscriptions.get(subscription_type, {}):
                raise EyeTrackerInvalidOperationError("The operation is invalid in this context. 'invalid_operation'")
            self._subscriptions.setdefault(subscription_type, {})[callback] = as_dictionary
        if subscription_type == EYETRACKER_GAZE_DATA and not self.hardware.licensed:
            del self._subscriptions[subscription_type][callback]
            error = {"error": "stream_error_insufficient_license", "source": "stream_error_source_subscription_gaze_data", "message": ""}
            self._call(EYETRACKER_STREAM_ERRORS, {"system_time_stamp": ROOM.now_us(), **error})

    def unsubscribe_from(self, subscription_type: str, callback: Callable[..., None] | None = None) -> None:
        self._check()
        with self._lock:
            if callback is None:
                self._subscriptions.pop(subscription_type, None)
            else:
                self._subscriptions.get(subscription_type, {}).pop(callback, None)

    def _call(self, subscription_type: str, data: dict[str, Any]) -> None:
        with self._lock:
            for callback in list(self._subscriptions.get(subscription_type, {})):
                callback(dict(data))

    def _heard(self, stream: str, data: dict[str, Any]) -> None:
        if stream == "notification":
            self._call(f"eyetracker_notification_{data['type']}", {"system_time_stamp": data["system_us"]})
        elif stream == "gaze":
            sample: dict[str, Any] = {"device_time_stamp": data["device_us"], "system_time_stamp": data["system_us"]}
            guide: dict[str, Any] = {}
            for side, eye in data["eyes"].items():
                sample[f"{side}_gaze_point_on_display_area"] = eye["gaze"]
                sample[f"{side}_gaze_point_in_user_coordinate_system"] = eye["origin"]
                sample[f"{side}_gaze_point_validity"] = int(eye["seen"])
                sample[f"{side}_pupil_diameter"] = eye["pupil"]
                sample[f"{side}_pupil_validity"] = int(eye["seen"])
                sample[f"{side}_gaze_origin_in_user_coordinate_system"] = eye["origin"]
                sample[f"{side}_gaze_origin_validity"] = int(eye["seen"])
                guide[f"{side}_user_position"] = eye["guide"]
                guide[f"{side}_user_position_validity"] = int(eye["seen"])
            self._call(EYETRACKER_GAZE_DATA, sample)
            self._call(EYETRACKER_USER_POSITION_GUIDE, guide)


class _Sample:
    def __init__(self, point: tuple[float, float]) -> None:
        eye = type("CalibrationEyeData", (), {"position_on_display_area": point, "validity": VALIDITY_VALID_AND_USED})
        self.left_eye = self.right_eye = eye


class _Point:
    def __init__(self, point: tuple[float, float]) -> None:
        self.position_on_display_area = point
        self.calibration_samples = (_Sample(point),) * 3


class _Result:
    def __init__(self, status: str, points: tuple[_Point, ...]) -> None:
        self.status, self.calibration_points = status, points


class ScreenBasedCalibration:
    def __init__(self, eyetracker: EyeTracker) -> None:
        if CAPABILITY_CAN_DO_SCREEN_BASED_CALIBRATION not in eyetracker.device_capabilities:
            raise ValueError("A ScreenBasedCalibration object must be initialized with an EyeTracker that supports it.")
        self.hardware = eyetracker.hardware

    def enter_calibration_mode(self) -> None:
        self._require(False)
        self.hardware.in_calibration = True
        self.hardware.collected.clear()

    def leave_calibration_mode(self) -> None:
        self._require(True)
        self.hardware.in_calibration = False

    def collect_data(self, x: float, y: float) -> str:
        self._require(True)
        time.sleep(0.02)
        if not self.hardware.eyes_open:
            return CALIBRATION_STATUS_FAILURE
        self.hardware.collected.append((float(x), float(y)))
        return CALIBRATION_STATUS_SUCCESS

    def discard_data(self, x: float, y: float) -> None:
        self._require(True)
        if (x, y) not in self.hardware.collected:
            raise EyeTrackerInternalError("An unspecified internal error occurred. 'se_internal'")
        self.hardware.collected.remove((x, y))

    def compute_and_apply(self) -> _Result:
        self._require(True)
        if len(self.hardware.collected) < 2:
            return _Result(CALIBRATION_STATUS_FAILURE, ())
        self.hardware.calibrate()
        return _Result(CALIBRATION_STATUS_SUCCESS, tuple(_Point(point) for point in self.hardware.collected))

    def _require(self, inside: bool) -> None:
        if not self.hardware.connected:
            raise EyeTrackerConnectionFailedError("The connection to the eye tracker failed. 'se_connection_failed'")
        if self.hardware.in_calibration != inside:
            raise EyeTrackerInvalidOperationError("Calibration has not been started. 'se_calibration_not_started'")
