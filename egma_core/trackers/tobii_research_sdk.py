"""Tobii's own Python SDK (`tobii_research`), which exists for Python 3.10 only, as a `TobiiDevice`.

Its callbacks run on threads of its own that hold a lock of the SDK and Python's: whatever they do costs samples, so they append
and do nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import MissingExtraError, TrackerError
from egma_core.trackers.calibration import CalibrationDevice
from egma_core.trackers.events import Inbox
from egma_core.trackers.tobii_research_calibration import TobiiResearchCalibration, calling
from egma_core.trackers.tobii_sdk import DisplayArea, GazeBatch, Notice, TobiiInfo, Trouble, tobii_error
from egma_core.trackers.tracker import EyePosition, TrackerEventKind

T = TypeVar("T")

_CAPACITY = 200_000  # nearly 3 min at 1200 Hz, some 0.4 GB
_STREAM_ERRORS: dict[str, Trouble] = {
    "stream_error_connection_lost": "connection",
    "stream_error_insufficient_license": "licence",
    "stream_error_not_supported": "unsupported",
    "stream_error_too_many_subscribers": "busy",
}
_NOTICES: dict[str, tuple[TrackerEventKind, str]] = {
    "CONNECTION_LOST": ("connection_lost", ""),
    "CONNECTION_RESTORED": ("connection_restored", ""),
    "CALIBRATION_CHANGED": ("calibration_changed", "The tracker's calibration was changed."),
    "DISPLAY_AREA_CHANGED": ("display_area", ""),
    "GAZE_OUTPUT_FREQUENCY_CHANGED": ("rate_changed", "The tracker runs at another rate now."),
    "DEVICE_FAULTS": ("warning", "The tracker reports a fault."),
    "DEVICE_WARNINGS": ("warning", "The tracker reports a warning."),
    "STREAM_BUFFER_OVERFLOW": ("overflow", "Tobii's SDK could not pass samples on fast enough; some are lost."),
}


def sdk() -> Any:
    """The module.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import tobii_research  # pyright: ignore[reportMissingImports] - it exists for Python 3.10 only
    except ImportError as error:
        raise MissingExtraError("A Tobii eye tracker", "tobii") from error
    return tobii_research


def find() -> Sequence[TobiiInfo]:
    """The trackers that the SDK finds; takes 2 s, in which other threads go on.

    Raises:
        MissingExtraError: The SDK is not installed.
        TrackerError: It cannot look.
    """
    module = sdk()
    return tuple(_info(module, eye_tracker) for eye_tracker in calling(module, "", module.find_all_eyetrackers))


def connect(info: TobiiInfo) -> TobiiResearchDevice:
    """Connect to a tracker that was found.

    Raises:
        MissingExtraError: The SDK is not installed.
        TrackerError: It does not answer.
    """
    module = sdk()
    return TobiiResearchDevice(module, calling(module, info.model, lambda: module.EyeTracker(info.address)))


class TobiiResearchDevice:
    """One tracker through `tobii_research`."""

    def __init__(self, module: Any, eye_tracker: Any) -> None:
        """Use an `EyeTracker` of the SDK."""
        self._sdk = module
        self._tracker = eye_tracker
        self._gaze = Inbox[Mapping[str, Any]](_CAPACITY)
        self._notices: deque[tuple[str, Mapping[str, Any]]] = deque()
        self._guides: deque[Mapping[str, Any]] = deque(maxlen=1)
        self._subscribed: list[tuple[str, Callable[..., None]]] = []
        self._streams: list[tuple[str, Callable[..., None]]] = []

    @property
    def info(self) -> TobiiInfo:
        """What it is now."""
        return _info(self._sdk, self._tracker)

    @property
    def calibration(self) -> CalibrationDevice:
        """Its calibration calls, which block while other threads go on."""
        return TobiiResearchCalibration(self._sdk, self._tracker)

    def system_us(self) -> int:
        """The SDK's clock."""
        return int(self._sdk.get_system_time_stamp())

    def set_rate(self, rate_hz: float) -> None:
        """Have it run at one of its rates."""
        self._call(lambda: self._tracker.set_gaze_output_frequency(rate_hz))

    def display_area(self) -> DisplayArea:
        """The screen it is set up for."""
        area = self._call(self._tracker.get_display_area)
        if area.width <= 0 or area.height <= 0:
            raise tobii_error("display_area", self._tracker.model)
        return DisplayArea(tuple(area.top_left), tuple(area.bottom_right), float(area.width), float(area.height))

    def watch(self) -> None:
        """Subscribe to notifications and stream errors."""

        def keep(name: str) -> Callable[[Mapping[str, Any]], None]:
            append = self._notices.append
            return lambda data: append((name, data))

        for name in _NOTICES:
            kind = getattr(self._sdk, f"EYETRACKER_NOTIFICATION_{name}", None)
            if kind is not None:  # older versions have no overflow notification
                self._subscribe(self._subscribed, kind, keep(name))
        self._subscribe(self._subscribed, self._sdk.EYETRACKER_STREAM_ERRORS, keep("ERROR"))

    def start(self) -> None:
        """Subscribe to gaze and to the position guide."""
        if self._streams:
            return
        self._subscribe(self._streams, self._sdk.EYETRACKER_GAZE_DATA, self._gaze.append)
        self._subscribe(self._streams, self._sdk.EYETRACKER_USER_POSITION_GUIDE, self._guides.append)

    def stop(self) -> None:
        """Unsubscribe from both."""
        self._unsubscribe(self._streams)

    def clear(self) -> None:
        """Forget what was received."""
        self._gaze.clear()
        self._guides.clear()

    def take(self) -> tuple[GazeBatch, bool]:
        """The samples received since the last call."""
        items, overflowed = self._gaze.take()
        return _batch(items), overflowed

    def notices(self) -> Sequence[Notice]:
        """What was told since the last call."""
        return [self._notice(*self._notices.popleft()) for _ in range(len(self._notices))]

    def guide(self) -> tuple[EyePosition | None, EyePosition | None] | None:
        """Where the eyes were last."""
        if not self._guides:
            return None
        last = self._guides[-1]
        return _guided(last, "left"), _guided(last, "right")

    def close(self) -> None:
        """Unsubscribe from everything."""
        self._unsubscribe(self._streams)
        self._unsubscribe(self._subscribed)

    def _call(self, work: Callable[[], T]) -> T:
        return calling(self._sdk, self._tracker.model, work)

    def _subscribe(self, kept: list[tuple[str, Callable[..., None]]], kind: str, append: Callable[..., None]) -> None:
        self._call(lambda: self._tracker.subscribe_to(kind, append, as_dictionary=True))
        kept.append((kind, append))

    def _unsubscribe(self, kept: list[tuple[str, Callable[..., None]]]) -> None:
        while kept:
            kind, append = kept.pop()
            try:
                self._call(lambda kind=kind, append=append: self._tracker.unsubscribe_from(kind, append))
            except TrackerError:  # it is gone, and its subscriptions with it
                continue

    @staticmethod
    def _notice(name: str, data: Mapping[str, Any]) -> Notice:
        at_us = int(data["system_time_stamp"])
        if name == "ERROR":
            trouble = _STREAM_ERRORS.get(str(data.get("error")), "other")
            return Notice(at_us, "connection_lost" if trouble == "connection" else "warning", trouble)
        kind, detail = _NOTICES[name]
        return Notice(at_us, kind, detail=detail)


def _info(module: Any, eye_tracker: Any) -> TobiiInfo:
    def ask(what: str, otherwise: Any) -> Any:
        try:
            return calling(module, eye_tracker.model, getattr(eye_tracker, what))
        except TrackerError:  # a tracker that is asleep or in use is found all the same
            return otherwise

    return TobiiInfo(
        str(eye_tracker.model),
        str(eye_tracker.serial_number),
        str(eye_tracker.firmware_version),
        str(eye_tracker.address),
        float(ask("get_gaze_output_frequency", 0.0)),
        tuple(float(rate) for rate in ask("get_all_gaze_output_frequencies", ())),
        module.CAPABILITY_CAN_DO_SCREEN_BASED_CALIBRATION in eye_tracker.device_capabilities,
    )


def _batch(items: Sequence[Mapping[str, Any]]) -> GazeBatch:
    def column(name: str, width: int = 0) -> NDArray[Any]:
        missing = (float("nan"),) * width if width else float("nan")
        values = np.array([item.get(name, missing) for item in items], np.float64)
        return values.reshape(len(items), width) if width else values

    sides = ("left", "right")
    return GazeBatch(
        np.array([item["device_time_stamp"] for item in items], np.int64),
        np.array([item["system_time_stamp"] for item in items], np.int64),
        {side: column(f"{side}_gaze_point_on_display_area", 2) for side in sides},
        {side: column(f"{side}_gaze_point_validity") == 1 for side in sides},
        {side: column(f"{side}_gaze_origin_in_user_coordinate_system", 3) for side in sides},
        {side: column(f"{side}_gaze_origin_validity") == 1 for side in sides},
        {side: column(f"{side}_pupil_diameter") for side in sides},
        {side: column(f"{side}_pupil_validity") == 1 for side in sides},
    )


def _guided(data: Mapping[str, Any], side: str) -> EyePosition | None:
    if not data[f"{side}_user_position_validity"]:
        return None
    x, y, z = (float(value) for value in data[f"{side}_user_position"])
    return EyePosition(x, y, z, float("nan"))
