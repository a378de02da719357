"""A fake of TittaPy 2.1: the part of its API that the driver uses, with the same names, shapes, errors and habits."""

from __future__ import annotations

import enum
from collections import deque
from typing import Any

import numpy as np
from tobii_room import ROOM, Hardware

capability = enum.Enum("capability", {"has_gaze_data": 8, "can_do_screen_based_calibration": 32})
calibration_action = enum.Enum(
    "calibration_action",
    ["nothing", "enter", "collect_data", "discard_data", "compute", "get_calibration_data", "apply_calibration_data", "exit"],
)
calibration_status = enum.Enum("calibration_status", ["failure", "success", "success_left_eye", "success_right_eye"])
calibration_eye_validity = enum.Enum("calibration_eye_validity", ["invalid_and_not_used", "valid_but_not_used", "valid_and_used"])
notification_type = enum.Enum(
    "notification_type",
    [
        "connection_lost",
        "connection_restored",
        "calibration_mode_entered",
        "calibration_mode_left",
        "calibration_changed",
        "display_area_changed",
        "gaze_output_frequency_changed",
        "eye_tracking_mode_changed",
        "device_faults",
        "device_warnings",
        "stream_buffer_overflow",
        "notification_unknown",
    ],
)
stream_error = enum.Enum(
    "stream_error",
    ["connection_lost", "insufficient_license", "not_supported", "too_many_subscribers", "internal_error", "user_error"],
)

_LOG: list[dict[str, Any]] = []
_CODES = {
    14: "TOBII_RESEARCH_STATUS_DISPLAY_AREA_NOT_VALID (The display area is not valid)",
    200: "TOBII_RESEARCH_STATUS_SE_INTERNAL (Internal stream engine error)",
    201: "TOBII_RESEARCH_STATUS_SE_INSUFFICIENT_LICENSE (Insufficient license for operation)",
    204: "TOBII_RESEARCH_STATUS_SE_CONNECTION_FAILED (Connection to the device failed)",
}


def _error(what: str, code: int) -> RuntimeError:
    return RuntimeError(f"Titta::cpp Error: Titta::cpp: {what}\nError code: {code}: {_CODES[code]}")


def get_SDK_version() -> str:  # noqa: N802 - the SDK's own name
    return "2.1.0.1"


def get_system_timestamp() -> int:
    return ROOM.now_us()


def start_logging(initial_buffer_size: int | None = None) -> bool:
    return True


def get_log(clear_log: bool = False) -> list[dict[str, Any]]:
    entries = list(_LOG)
    if clear_log:
        _LOG.clear()
    return entries


def stop_logging() -> bool:
    return True


def find_all_eye_trackers() -> list[dict[str, Any]]:
    return [EyeTracker(hardware.address).described() for hardware in ROOM.trackers if hardware.connected]


class EyeTracker:
    def __init__(self, address: str) -> None:
        hardware = ROOM.at(address)
        if hardware is None:
            raise _error(f'Cannot get eye tracker "{address}"', 200)
        self.hardware: Hardware = hardware
        self._recording: set[str] = set()
        self._gaze: list[dict[str, Any]] = []
        self._positions: list[dict[str, Any]] = []
        self._notifications: list[dict[str, Any]] = []
        self._results: deque[dict[str, Any] | None] = deque()
        hardware.listeners.append(self._heard)

    address = property(lambda self: self.hardware.address)
    serial_number = property(lambda self: self.hardware.serial)
    model = property(lambda self: self.hardware.model)
    firmware_version = property(lambda self: "2.6.1")
    supported_frequencies = property(lambda self: list(self.hardware.frequencies))

    @property
    def capabilities(self) -> list[enum.Enum]:
        return [capability.has_gaze_data, *([capability.can_do_screen_based_calibration] if self.hardware.can_calibrate else [])]

    @property
    def frequency(self) -> float:
        self._check("Cannot get eye tracker frequency")
        return self.hardware.frequency

    @frequency.setter
    def frequency(self, value: float) -> None:
        self._check("Cannot set eye tracker frequency")
        self.hardware.frequency = value

    @property
    def display_area(self) -> dict[str, Any]:
        if not self.hardware.has_display:
            raise _error("Cannot get eye tracker display area", 14)
        corners = {name: list(corner) for name, corner in self.hardware.corners().items()}
        return {**corners, "width": self.hardware.width_mm, "height": 299.0}

    def described(self) -> dict[str, Any]:
        names = ("serial_number", "model", "firmware_version", "address", "frequency", "capabilities", "supported_frequencies")
        return {name: getattr(self, name) for name in names}

    def start(self, stream: str, initial_buffer_size: int | None = None, as_gif: bool | None = None) -> bool:
        self._check(f"Cannot start recording {stream} stream")
        if stream == "gaze" and not self.hardware.licensed:
            raise _error("start: Cannot start recording gaze stream", 201)
        assert stream != "positioning" or "gaze" in self._recording, "positioning starts after gaze"
        self._recording.add(stream)
        return True

    def stop(self, stream: str, clear_buffer: bool | None = None) -> bool:
        assert stream != "gaze" or "positioning" not in self._recording, "positioning stops before gaze"
        self._recording.discard(stream)
        return True

    def clear(self, stream: str) -> None:
        {"gaze": self._gaze, "positioning": self._positions, "notification": self._notifications}[stream].clear()

    def consume_N(self, stream: str, N_samples: int | None = None, side: str | None = None) -> dict[str, Any]:  # noqa: N802 - theirs
        if stream == "notification":
            taken, self._notifications = self._notifications, []
            return {
                "system_time_stamp": np.array([entry["system_us"] for entry in taken], np.int64),
                "notification_type": [notification_type[entry["type"]] for entry in taken],
                "output_frequency": [None for _ in taken],
                "display_area": [None for _ in taken],
                "errors_or_warnings": [None for _ in taken],
            }
        taken, self._gaze = self._gaze, []
        out: dict[str, Any] = {
            "device_time_stamp": np.array([entry["device_us"] for entry in taken], np.int64),
            "system_time_stamp": np.array([entry["system_us"] for entry in taken], np.int64),
        }
        for side_name in ("left", "right"):
            eyes = [entry["eyes"][side_name] for entry in taken]
            seen = np.array([eye["seen"] for eye in eyes], np.bool_)
            for index, axis in enumerate("xy"):
                name = f"{side_name}_gaze_point_on_display_area_{axis}"
                out[name] = np.array([eye["gaze"][index] for eye in eyes], np.float32)
            for index, axis in enumerate("xyz"):
                name = f"{side_name}_gaze_origin_in_user_coordinates_{axis}"
                out[name] = np.array([eye["origin"][index] for eye in eyes], np.float32)
            out[f"{side_name}_pupil_diameter"] = np.array([eye["pupil"] for eye in eyes], np.float32)
            for what in ("gaze_point", "gaze_origin", "pupil"):
                out[f"{side_name}_{what}_valid"] = seen.copy()
                out[f"{side_name}_{what}_available"] = np.ones(len(eyes), np.bool_)
        return out

    def peek_N(self, stream: str, N_samples: int | None = None, side: str | None = None) -> dict[str, Any]:  # noqa: N802 - theirs
        last = self._positions[-1:]
        out: dict[str, Any] = {}
        for side_name in ("left", "right"):
            eyes = [entry["eyes"][side_name] for entry in last]
            for index, axis in enumerate("xyz"):
                out[f"{side_name}_user_position_{axis}"] = np.array([eye["guide"][index] for eye in eyes], np.float32)
            out[f"{side_name}_user_position_valid"] = np.array([eye["seen"] for eye in eyes], np.bool_)
        return out

    def enter_calibration_mode(self, do_monocular: bool) -> bool:
        if self.hardware.in_calibration:
            return False
        self.hardware.in_calibration = True
        self.hardware.collected.clear()
        self._done("enter")
        return True

    def leave_calibration_mode(self, force: bool | None = None) -> bool:
        self.hardware.in_calibration = False
        self._done("exit")
        return True

    def calibration_collect_data(self, coordinates: list[float], eye: str | None = None) -> None:
        x, y = coordinates
        if self.hardware.eyes_open:
            self.hardware.collected.append((x, y))
        self._done("collect_data", 0 if self.hardware.eyes_open else 214)

    def calibration_discard_data(self, coordinates: list[float], eye: str | None = None) -> None:
        point = (coordinates[0], coordinates[1])
        known = point in self.hardware.collected
        if known:
            self.hardware.collected.remove(point)
        self._done("discard_data", 0 if known else 200)

    def calibration_compute_and_apply(self) -> None:
        enough = len(self.hardware.collected) >= 2
        self.hardware.calibrate()
        points = [
            {
                "position_on_display_area_x": x,
                "position_on_display_area_y": y,
                **{f"samples_{side}_position_on_display_area_x": np.full(3, x, np.float32) for side in ("left", "right")},
                **{f"samples_{side}_position_on_display_area_y": np.full(3, y, np.float32) for side in ("left", "right")},
                **{f"samples_{side}_validity": [calibration_eye_validity.valid_and_used] * 3 for side in ("left", "right")},
            }
            for x, y in self.hardware.collected
        ]
        status = calibration_status.success if enough else calibration_status.failure
        self._done("compute", calibration_result={"points": points if enough else [], "status": status})

    def calibration_get_data(self) -> None:
        self._done("get_calibration_data", calibration_data=list(self.hardware.applied))

    def calibration_apply_data(self, cal_data: list[int]) -> None:
        known = bytes(cal_data).startswith(b"calibration of ")
        if known:
            self.hardware.applied = bytes(cal_data)
        self._done("apply_calibration_data", 0 if known else 200)

    def calibration_retrieve_result(self) -> dict[str, Any] | None:
        return self._results.popleft() if self._results else None

    def _done(self, action: str, status: int = 0, **more: Any) -> None:
        status = status if self.hardware.connected else 204
        result = {"work_item": {"action": calibration_action[action]}, "status": status, "status_string": "", **more}
        self._results.extend([None, None, result])  # it takes a while

    def _check(self, what: str) -> None:
        if not self.hardware.connected:
            raise _error(what, 204)

    def _heard(self, stream: str, data: dict[str, Any]) -> None:
        if stream == "notification" and "notification" in self._recording:
            self._notifications.append(data)
        if stream == "gaze" and "gaze" in self._recording:
            self._gaze.append(data)
            if "positioning" in self._recording:
                self._positions.append(data)
