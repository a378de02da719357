"""What the Tobii driver asks of an SDK, so that `tobii_research` and TittaPy look the same to it, and Tobii's troubles in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import TrackerError
from egma_core.gaze.samples import SAMPLE_DTYPE
from egma_core.trackers.calibration import CalibrationDevice
from egma_core.trackers.tracker import EyePosition, TrackerEventKind

Trouble = Literal["licence", "connection", "display_area", "busy", "unsupported", "other"]

_CODES: dict[int, Trouble] = {
    14: "display_area",
    18: "licence",
    201: "licence",
    202: "unsupported",
    203: "connection",
    204: "connection",
    205: "connection",
    216: "busy",
    218: "busy",
}

_WORDS: dict[Trouble, tuple[str, str]] = {
    "licence": (
        "has no licence for recording gaze (insufficient licence)",
        "A device sold for interaction needs an analytical-use licence from Tobii before gaze may be recorded with it.",
    ),
    "connection": (
        "does not answer (connection lost)",
        "Check its cable and power; recording goes on by itself when it is back.",
    ),
    "display_area": (
        "is not set up for a screen (no display area)",
        "Open Tobii's Eye Tracker Manager, choose the screen that the tracker sits on, and go through 'Display setup'.",
    ),
    "busy": ("is in use by another program", "Close that program, then try again."),
    "unsupported": ("cannot do what was asked of it", "Update its firmware with Tobii's Eye Tracker Manager, or use another tracker."),
    "other": ("reports a fault", "Unplug it, plug it in again, and try once more."),
}
EVENT_KINDS: dict[Trouble, TrackerEventKind] = {
    "licence": "licence",
    "connection": "connection_lost",
    "display_area": "display_area",
}


def trouble_of(code: int) -> Trouble:
    """Which trouble a status code of the SDK means."""
    return _CODES.get(code, "other")


def called(model: str) -> str:
    """What to call a tracker of a model, which may name its maker already."""
    return model if model.startswith("Tobii") else f"Tobii {model or 'eye tracker'}"


def tobii_error(trouble: Trouble, model: str, code: int | None = None) -> TrackerError:
    """A trouble in words, with the SDK's own code where there is one."""
    what, remedy = _WORDS[trouble]
    return TrackerError(f"The {called(model)} {what}{f' (code {code})' if code else ''}.", remedy)


@dataclass(frozen=True)
class TobiiInfo:
    """A tracker as an SDK tells of it.

    Attributes:
        model: Its model.
        serial: Its serial number.
        firmware: Version of its firmware.
        address: Where the SDK finds it.
        rate_hz: The rate it runs at.
        rates_hz: The rates it could run at.
        can_calibrate: Whether it is calibrated on a screen.
    """

    model: str
    serial: str
    firmware: str
    address: str
    rate_hz: float
    rates_hz: tuple[float, ...]
    can_calibrate: bool


@dataclass(frozen=True)
class DisplayArea:
    """The screen in the tracker's user coordinates: corners and size in mm."""

    top_left: tuple[float, float, float]
    bottom_right: tuple[float, float, float]
    width_mm: float
    height_mm: float

    @property
    def centre(self) -> NDArray[np.float64]:
        """(3,) its middle, in mm."""
        return (np.array(self.top_left) + np.array(self.bottom_right)) / 2.0


@dataclass(frozen=True)
class Notice:
    """Something that the SDK told: when, on its system clock in us, what kind, and details for people."""

    system_us: int | None
    kind: TrackerEventKind
    trouble: Trouble | None = None
    detail: str = ""


class TobiiDevice(Protocol):
    """One tracker through one SDK, connected. All may raise `TrackerError`."""

    @property
    def info(self) -> TobiiInfo:
        """What it is now."""
        ...

    @property
    def calibration(self) -> CalibrationDevice:
        """Its calibration calls, which block."""
        ...

    def system_us(self) -> int:
        """The SDK's system clock in us."""
        ...

    def set_rate(self, rate_hz: float) -> None:
        """Have it run at one of its rates."""
        ...

    def display_area(self) -> DisplayArea:
        """The screen it is set up for."""
        ...

    def watch(self) -> None:
        """Have it tell of notices from now on."""
        ...

    def start(self) -> None:
        """Subscribe to gaze and to the position guide."""
        ...

    def stop(self) -> None:
        """Unsubscribe from both; what was received can still be taken."""
        ...

    def clear(self) -> None:
        """Forget the samples that were received."""
        ...

    def take(self) -> tuple[GazeBatch, bool]:
        """The samples received since the last call, and whether some may have been pushed out."""
        ...

    def notices(self) -> Sequence[Notice]:
        """What was told since the last call."""
        ...

    def guide(self) -> tuple[EyePosition | None, EyePosition | None] | None:
        """Where left and right eye were last, without a distance; None where nothing was told."""
        ...

    def close(self) -> None:
        """Unsubscribe from everything."""
        ...


@dataclass(frozen=True)
class GazeBatch:
    """Samples as both SDKs give them, before they are judged.

    Attributes:
        device_us: (n,) the tracker's clock.
        system_us: (n,) the host's clock, as the SDK translates it.
        xy: Per eye, (n, 2) fractions of the display area.
        seen: Per eye, (n,) whether that is valid.
        origin_mm: Per eye, (n, 3) the eye in user coordinates.
        origin_seen: Per eye, (n,) whether that is valid.
        pupil_mm: Per eye, (n,).
        pupil_seen: Per eye, (n,) whether that is valid.
    """

    device_us: NDArray[np.int64]
    system_us: NDArray[np.int64]
    xy: dict[str, NDArray[np.float64]]
    seen: dict[str, NDArray[np.bool_]]
    origin_mm: dict[str, NDArray[np.float64]]
    origin_seen: dict[str, NDArray[np.bool_]]
    pupil_mm: dict[str, NDArray[np.float64]]
    pupil_seen: dict[str, NDArray[np.bool_]]

    def rows(self, centre_mm: NDArray[np.float64]) -> NDArray[np.void]:
        """(n,) rows of `SAMPLE_DTYPE`; host times are the system's, distances are to the display's centre."""
        rows = np.zeros(len(self.device_us), SAMPLE_DTYPE)
        rows["device_us"], rows["host_ns"] = self.device_us, self.system_us * 1000
        for side in ("left", "right"):
            seen = self.seen[side] & np.isfinite(self.xy[side]).all(axis=1)
            rows[f"{side}_valid"] = seen
            rows[f"{side}_x"] = np.where(seen, self.xy[side][:, 0], np.nan)
            rows[f"{side}_y"] = np.where(seen, self.xy[side][:, 1], np.nan)
            rows[f"{side}_pupil_mm"] = np.where(self.pupil_seen[side], self.pupil_mm[side], np.nan)
            away = np.linalg.norm(self.origin_mm[side] - centre_mm, axis=1)
            rows[f"{side}_distance_mm"] = np.where(self.origin_seen[side], away, np.nan)
        return rows
