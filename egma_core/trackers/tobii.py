"""Tobii eye trackers, through whichever of Tobii's SDKs is installed (extra `tobii`).

`tobii_research`, Tobii's own, has wheels for Python 3.10 only; TittaPy carries the same SDK for every version of Python this
program runs on. So the former is used on Python 3.10, unless the option `sdk` says `titta`, and TittaPy elsewhere.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence

import numpy as np

from egma_core.errors import ConfigError, TrackerError
from egma_core.gaze.samples import GazeSamples
from egma_core.trackers import titta, titta_search, tobii_research_sdk
from egma_core.trackers.calibration import Calibration
from egma_core.trackers.clocks import Window, check_host_clock
from egma_core.trackers.driver import Driver, FoundTracker, TrackerRequest
from egma_core.trackers.events import EventLog, Link
from egma_core.trackers.tobii_sdk import EVENT_KINDS, Notice, TobiiDevice, TobiiInfo, called, tobii_error
from egma_core.trackers.tracker import EyePosition, Position, Tracker, TrackerDescription, TrackerEvent
from egma_core.trackers.worker import ThreadWorker

_CAPABILITIES = frozenset({"position_guide", "pupil", "distance", "display_area"})
_CALIBRATED = frozenset({"calibration", "redo_point", "calibration_data"})
_OPENERS: dict[str, Callable[[TobiiInfo], TobiiDevice]] = {"titta": titta.connect, "tobii_research": tobii_research_sdk.connect}
_FINDERS: dict[str, Callable[[], Sequence[TobiiInfo]]] = {"titta": titta_search.find, "tobii_research": tobii_research_sdk.find}
_REMEDY = "Check its cable and power; recording goes on by itself when it is back."


def sdk_for(option: str, version: tuple[int, int] = sys.version_info[:2]) -> str:
    """The SDK to use: `titta` or `tobii_research`.

    Args:
        option: What was asked for, or "".
        version: The version of Python.

    Raises:
        ConfigError: There is no such SDK, or not for this Python.
    """
    if option not in ("", *_OPENERS):
        raise ConfigError(f"There is no SDK of Tobii's called '{option}'.", f"Choose one of: {', '.join(_OPENERS)}.")
    if option == "tobii_research" and version != (3, 10):
        raise ConfigError("Tobii's own SDK exists for Python 3.10 only.", "Choose 'titta', which carries the same SDK.")
    return option or ("tobii_research" if version == (3, 10) else "titta")


class TobiiTracker(Tracker):
    """A Tobii tracker.

    Its samples carry the SDK's system time, which follows the host clock and is checked to be it. Distances are from the eye to
    the centre of the display area.
    """

    def __init__(self, device: TobiiDevice, request: TrackerRequest) -> None:
        """Use a connected device.

        Raises:
            TrackerError: It is not set up for a screen, it does not run at the rate that is asked for, or its clock is not ours.
        """
        self._device = device
        self._now_ns = request.now_ns
        check_host_clock(request.now_ns, lambda: device.system_us() * 1000, "Tobii's SDK")
        if request.rate_hz and abs(request.rate_hz - device.info.rate_hz) > 0.5:
            self._set_rate(request.rate_hz)
        self._area = device.display_area()
        self._info = device.info
        self._events = EventLog(request.now_ns)
        self._link = Link(self._events, f"The {called(self._info.model)}")
        self._window = Window(request.now_ns)
        self._distance_mm = {"left": float("nan"), "right": float("nan")}
        self._calibration = Calibration(device.calibration, ThreadWorker()) if self._info.can_calibrate else None
        device.watch()

    @property
    def description(self) -> TrackerDescription:
        """What the SDK says of it."""
        about = self._info
        return TrackerDescription(
            "tobii",
            "tracker",
            called(about.model),
            about.serial,
            about.rate_hz,
            _CAPABILITIES | (_CALIBRATED if self._calibration else frozenset()),
            about.firmware,
            about.rates_hz,
            (self._area.width_mm, self._area.height_mm),
        )

    @property
    def calibration(self) -> Calibration | None:
        """Tobii's calibration on the screen, where the tracker has one."""
        return self._calibration

    def start(self) -> None:
        """Subscribe to gaze."""
        self._device.clear()
        self._link.forget()
        self._window.begin()
        try:
            self._device.start()
        except TrackerError:
            self.stop()
            raise

    def drain(self) -> GazeSamples:
        """Every sample that has arrived."""
        batch, overflowed = self._device.take()
        if self._window.open:
            self._link.listen(self._now_ns(), heard=bool(len(batch.device_us)), remedy=_REMEDY)
        if overflowed:
            self._events.tell("overflow", "Samples of the eye tracker were not fetched for too long; some are lost.")
        rows = batch.rows(self._area.centre)
        for side in self._distance_mm:
            known = rows[f"{side}_distance_mm"][np.isfinite(rows[f"{side}_distance_mm"])]
            if len(known):
                self._distance_mm[side] = float(known[-1])
        return self._window.admit(GazeSamples(rows, "tracker"))

    def stop(self) -> None:
        """Unsubscribe from gaze."""
        if self._window.open:
            self._device.stop()
        self._window.end()

    def close(self) -> None:
        """Leave calibration mode, unsubscribe from everything, and let the tracker go."""
        if self._calibration is not None:
            self._calibration.close()
        self.stop()
        self._device.close()

    def events(self) -> Sequence[TrackerEvent]:
        """What has happened since the last call."""
        for notice in self._device.notices():
            self._told(notice)
        return self._events.take()

    def position(self) -> Position | None:
        """Where the eyes are in the box that the tracker sees; it tells sides as it sees them, so x is mirrored here."""
        guide = self._device.guide()
        if guide is None:
            return None
        eyes = [
            None if eye is None else EyePosition(1.0 - eye.x, eye.y, eye.z, self._distance_mm[side])
            for side, eye in zip(("left", "right"), guide, strict=True)
        ]
        return Position(*eyes)

    def _set_rate(self, rate_hz: float) -> None:
        about = self._device.info
        if not any(abs(rate_hz - rate) < 0.5 for rate in about.rates_hz):
            rates = ", ".join(f"{rate:g}" for rate in about.rates_hz)
            raise TrackerError(f"The {called(about.model)} cannot run at {rate_hz:g} samples a second.", f"It can run at {rates}.")
        self._device.set_rate(rate_hz)

    def _told(self, notice: Notice) -> None:
        host_ns = None if notice.system_us is None else notice.system_us * 1000
        if notice.kind == "connection_lost":
            self._link.down(_REMEDY, host_ns)
        elif notice.kind == "connection_restored":
            self._link.up(host_ns)
        elif notice.trouble is not None:
            error = tobii_error(notice.trouble, self._info.model)
            self._events.tell(EVENT_KINDS.get(notice.trouble, "warning"), str(error), host_ns)
        elif notice.kind == "display_area":
            self._area = self._device.display_area()
            width, height = self._area.width_mm, self._area.height_mm
            self._events.tell("display_area", f"The tracker was set up for another screen ({width:.0f} × {height:.0f} mm).", host_ns)
        else:
            if notice.kind == "rate_changed":
                self._info = dataclasses.replace(self._info, rate_hz=self._device.info.rate_hz)
            self._events.tell(notice.kind, notice.detail, host_ns)


def _open(request: TrackerRequest) -> Tracker:
    sdk = sdk_for(request.options.get("sdk", ""))
    found = _FINDERS[sdk]()
    wanted = [info for info in found if not request.address or request.address in (info.address, info.serial)]
    if not wanted:
        which = f" '{request.address}'" if request.address else ""
        raise TrackerError(
            f"No Tobii eye tracker{which} was found.",
            "Plug it in, see that Tobii's service is running and that Eye Tracker Manager shows it, then look again.",
        )
    if len(wanted) > 1:
        names = ", ".join(f"{called(info.model)} {info.serial}" for info in wanted)
        raise TrackerError(f"Several Tobii eye trackers were found: {names}.", "Choose one by its serial number.")
    device = _OPENERS[sdk](wanted[0])
    try:
        return TobiiTracker(device, request)
    except TrackerError:
        device.close()
        raise


def _find() -> Sequence[FoundTracker]:
    found = _FINDERS[sdk_for("")]()
    return tuple(FoundTracker("tobii", called(info.model), info.serial, info.address) for info in found)


TOBII = Driver("Tobii eye tracker", _open, _find)
