"""Gazepoint eye trackers (GP3, GP3 HD), through their Open Gaze server on this or another machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from egma_core.errors import TrackerError
from egma_core.gaze.samples import GazeSamples
from egma_core.trackers.calibration import Calibration
from egma_core.trackers.clocks import Window
from egma_core.trackers.driver import Driver, FoundTracker, TrackerRequest
from egma_core.trackers.events import EventLog, Link
from egma_core.trackers.gazepoint_calibration import GazepointCalibration
from egma_core.trackers.open_gaze import PORT, OpenGazeConnection, Record, parse
from egma_core.trackers.ticks import TickClock
from egma_core.trackers.tracker import EyePosition, Position, Tracker, TrackerDescription, TrackerEvent
from egma_core.trackers.worker import ThreadWorker

_STREAMS = ("COUNTER", "TIME", "TIME_TICK", "POG_LEFT", "POG_RIGHT", "PUPIL_LEFT", "PUPIL_RIGHT", "EYE_LEFT", "EYE_RIGHT", "PUPILMM")
_CAPABILITIES = frozenset({"calibration", "paced_calibration", "position_guide", "pupil", "distance"})
_BEST_MM, _DEPTH_MM = 650.0, 300.0
_REMEDY = "See whether Gazepoint Control is running and the tracker is plugged in; recording goes on by itself when it is back."


class GazepointTracker(Tracker):
    """A Gazepoint tracker.

    Its distance is the eye's depth before the camera, which sits below the screen and looks at the reader. Its pupils are in mm
    as it measures them. Where the server runs on this machine its time ticks are the host clock, and are checked to be; elsewhere
    host times are estimated from when samples arrive.
    """

    def __init__(self, request: TrackerRequest) -> None:
        """Connect to the server at `request.address` (`host` or `host:port`), by default on this machine.

        Raises:
            TrackerError: There is no such server, it does not answer, or it cannot run at the rate that is asked for.
        """
        host, port = _address(request.address)
        self._now_ns = request.now_ns
        self._events = EventLog(request.now_ns)
        self._link = Link(self._events, "The Gazepoint eye tracker")
        self._window = Window(request.now_ns)
        self._last: Record | None = None
        self._next_count: int | None = None
        self._connection = OpenGazeConnection((host, port), request.now_ns, self._changed)
        try:
            product, self._serial = self._ask("PRODUCT_ID"), self._value("SERIAL_ID")
            self._model = f"Gazepoint {product.fields.get('VALUE', '') if product else ''}".strip()
            self._rate_hz = product.number("RATE", 60.0) if product else 60.0
            self._firmware = self._value("API_ID")
            if request.rate_hz and abs(request.rate_hz - self._rate_hz) > 1.0:
                raise TrackerError(
                    f"{self._model} runs at {self._rate_hz:g} samples a second, not at {request.rate_hz:g}.",
                    "Ask for its own rate, or leave the rate open.",
                )
            ticks = self._ask("TIME_TICK_FREQUENCY")
            self._clock = TickClock(ticks.fields.get("FREQ", "") if ticks else "", local=host in ("127.0.0.1", "localhost", "::1"))
            self._check_screen(request)
            for stream in _STREAMS:
                self._connection.ask("SET", f"ENABLE_SEND_{stream}", STATE=1)
        except TrackerError:
            self._connection.close()
            raise
        self._calibration = Calibration(GazepointCalibration(self._connection), ThreadWorker())

    @property
    def description(self) -> TrackerDescription:
        """What the server says of it."""
        return TrackerDescription("gazepoint", "tracker", self._model, self._serial, self._rate_hz, _CAPABILITIES, self._firmware)

    @property
    def calibration(self) -> Calibration | None:
        """Gazepoint's own calibration, in which the tracker goes from point to point."""
        return self._calibration

    def start(self) -> None:
        """Have data sent."""
        self._connection.data.clear()
        self._last = self._next_count = None
        self._link.forget()
        self._window.begin()
        self._connection.send("SET", "ENABLE_SEND_DATA", STATE=1)

    def drain(self) -> GazeSamples:
        """Every sample that has arrived."""
        lines, overflowed = self._connection.data.take()
        records = [record for arrived_ns, line in lines if (record := parse(line, arrived_ns)) is not None]
        if self._window.open:
            self._link.listen(self._now_ns(), heard=bool(records), remedy=_REMEDY)
        if overflowed:
            self._events.tell("overflow", "Samples of the eye tracker were not fetched for too long; some are lost.")
        if not records:
            return GazeSamples.blank(0, "tracker")
        self._count(records)
        self._last = records[-1]
        samples = _samples(records)
        device_us, host_ns = self._clock.place(records, self._events)
        samples.rows["device_us"], samples.rows["host_ns"] = device_us, host_ns
        return self._window.admit(samples)

    def stop(self) -> None:
        """Have no more data sent."""
        if self._window.open:
            self._connection.send("SET", "ENABLE_SEND_DATA", STATE=0)
        self._window.end()

    def close(self) -> None:
        """Leave calibration mode, stop, and hang up."""
        self._calibration.close()
        self.stop()
        self._connection.close()

    def events(self) -> Sequence[TrackerEvent]:
        """What has happened since the last call."""
        return self._events.take()

    def position(self) -> Position | None:
        """Where the eyes were in the camera's picture, which is mirrored already."""
        return None if self._last is None else Position(_eye(self._last, "L"), _eye(self._last, "R"))

    def _ask(self, what: str) -> Record | None:
        return self._connection.ask("GET", what)

    def _value(self, what: str) -> str:
        answer = self._ask(what)
        return answer.fields.get("VALUE", "") if answer else ""

    def _check_screen(self, request: TrackerRequest) -> None:
        size = self._ask("SCREEN_SIZE")
        wanted = (request.screen.width_px, request.screen.height_px)
        if size is not None and (size.number("WIDTH"), size.number("HEIGHT")) != wanted:
            theirs = f"{size.fields.get('WIDTH', '?')} × {size.fields.get('HEIGHT', '?')}"
            self._events.tell(
                "display_area",
                f"Gazepoint Control is set to a screen of {theirs} pixels, the films are on one of {wanted[0]} × {wanted[1]}. "
                "Choose the screen in Gazepoint Control.",
            )

    def _count(self, records: list[Record]) -> None:
        """Tell of records that the server numbered and that never came."""
        n_lost = 0
        for record in records:
            count = int(record.number("CNT", -1))
            if self._next_count is not None and count > self._next_count:
                n_lost += count - self._next_count
            self._next_count = count + 1 if count >= 0 else None
        if n_lost:
            self._events.tell("overflow", f"{n_lost} samples of the eye tracker were lost on the way.")

    def _changed(self, connected: bool) -> None:
        """The connection broke, or is back and must be told again what is wanted; called from its thread."""
        if not connected:
            self._link.down(_REMEDY)
            return
        for stream in _STREAMS:
            self._connection.send("SET", f"ENABLE_SEND_{stream}", STATE=1)
        if self._window.open:
            self._connection.send("SET", "ENABLE_SEND_DATA", STATE=1)
        self._link.up()


def _samples(records: list[Record]) -> GazeSamples:
    """Everything but the times."""
    samples = GazeSamples.blank(len(records), "tracker")
    rows = samples.rows
    for side, letter in (("left", "L"), ("right", "R")):
        seen = np.array([record.number(f"{letter}POGV", 0.0) == 1.0 for record in records])

        def column(name: str, valid: str, scale: float = 1.0, letter: str = letter) -> list[float]:
            return [record.number(letter + name) * scale if record.number(letter + valid, 0.0) == 1.0 else np.nan for record in records]

        rows[f"{side}_x"], rows[f"{side}_y"] = column("POGX", "POGV"), column("POGY", "POGV")
        pupil_mm = np.array(column("PMM", "PMMV"))
        rows[f"{side}_pupil_mm"] = np.where(np.isnan(pupil_mm), column("PUPILD", "PUPILV", 1000.0), pupil_mm)
        rows[f"{side}_distance_mm"] = column("EYEZ", "PUPILV", 1000.0)
        rows[f"{side}_valid"] = seen & np.isfinite(rows[f"{side}_x"]) & np.isfinite(rows[f"{side}_y"])
    return samples


def _eye(record: Record, letter: str) -> EyePosition | None:
    if record.number(f"{letter}PV", 0.0) != 1.0:
        return None
    distance_mm = record.number(f"{letter}EYEZ") * 1000.0 if record.number(f"{letter}PUPILV", 0.0) == 1.0 else float("nan")
    depth = 0.5 + (distance_mm - _BEST_MM) / _DEPTH_MM
    return EyePosition(record.number(f"{letter}PCX"), record.number(f"{letter}PCY"), depth, distance_mm)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.partition(":")
    if port and not port.isdecimal():
        raise TrackerError(f"'{text}' is no address of an Open Gaze server.", f"Give host:port, such as 127.0.0.1:{PORT}.")
    return host or "127.0.0.1", int(port or PORT)


def _find() -> Sequence[FoundTracker]:
    """The server on this machine, if one answers."""
    nobody: Callable[[bool], None] = lambda _connected: None  # noqa: E731 - nobody is told
    try:
        connection = OpenGazeConnection(("127.0.0.1", PORT), lambda: 0, nobody)
    except TrackerError:
        return ()
    try:
        product, serial = connection.ask("GET", "PRODUCT_ID"), connection.ask("GET", "SERIAL_ID")
    finally:
        connection.close()
    model = f"Gazepoint {product.fields.get('VALUE', '') if product else ''}".strip()
    return (FoundTracker("gazepoint", model, serial.fields.get("VALUE", "") if serial else "", f"127.0.0.1:{PORT}"),)


GAZEPOINT = Driver("Gazepoint eye tracker (Open Gaze)", GazepointTracker, _find)
