"""Any eye tracker whose maker streams it over Lab Streaming Layer: an inlet for a stream of type Gaze (pylsl, extra `lsl`)."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import numpy as np

from egma_core.errors import MissingExtraError, TrackerError
from egma_core.gaze.samples import GazeSamples
from egma_core.trackers.clocks import Window, check_host_clock
from egma_core.trackers.driver import Driver, FoundTracker, TrackerRequest
from egma_core.trackers.events import EventLog, Link
from egma_core.trackers.lsl_channels import Channel, gaze_columns
from egma_core.trackers.tracker import Tracker, TrackerDescription, TrackerEvent

_SEARCH_S = 1.0
_CONNECT_S = 5.0
_BUFFER_S = 600  # how long nobody may fetch
_BLOCK = 4096
_EVERY = 1024  # more streams than there are, so that the search takes its whole time
_SAME_CLOCK_S = 0.005
_REMEDY = "See whether its program is still running; recording goes on by itself when it is back."


class LslTracker(Tracker):
    """An inlet; liblsl receives beside this program and keeps what is not fetched.

    Device times are the stamps that the sender gave; host times are those plus liblsl's estimate of how far the sender's clock is
    from this computer's, whose clock is checked to be the host clock.
    """

    def __init__(self, request: TrackerRequest) -> None:
        """Connect to the stream whose name or source is `request.address`, by default to the only one of type Gaze.

        Raises:
            MissingExtraError: pylsl is not installed.
            TrackerError: There is no such stream or more than one, or it is none that can be used.
        """
        lsl = _pylsl()
        self._now_ns = request.now_ns
        check_host_clock(request.now_ns, lambda: round(lsl.local_clock() * 1e9), "Lab Streaming Layer")
        found = _resolve(lsl, request.address)
        if not found:
            which = f"called '{request.address}' " if request.address else ""
            raise TrackerError(
                f"No eye tracker {which}streams over Lab Streaming Layer.", "Start the tracker's streaming program, on this network."
            )
        if len(found) > 1:
            names = ", ".join(sorted(info.source_id() or info.name() for info in found))
            raise TrackerError(f"Several eye trackers stream over Lab Streaming Layer: {names}.", "Choose one by its address.")
        self._inlet: Any = lsl.StreamInlet(found[0], max_buflen=_BUFFER_S)
        try:
            info = self._inlet.info(_CONNECT_S)
            self._inlet.open_stream(_CONNECT_S)
            correction_s = float(self._inlet.time_correction(_CONNECT_S))
        except (lsl.util.TimeoutError, lsl.util.LostError) as error:
            self._inlet.close_stream()
            raise TrackerError(f"The stream '{found[0].name()}' was found but does not answer.", "Restart its program.") from error
        # A stream from this computer carries its clock already; an estimate could only add its error.
        self._same_clock = info.hostname() == socket.gethostname() and abs(correction_s) < _SAME_CLOCK_S
        self._correction_s = 0.0 if self._same_clock else correction_s
        whose = f"The stream '{info.name()}'"
        kinds = {lsl.cf_float32: np.float32, lsl.cf_double64: np.float64, lsl.cf_int32: np.int32, lsl.cf_int16: np.int16}
        if info.channel_format() not in kinds:
            raise TrackerError(f"{whose} does not carry numbers.", "Choose a stream of gaze.")
        self._columns = gaze_columns(_channels(info), request.screen, whose)
        self._block = np.zeros((_BLOCK, info.channel_count()), kinds[info.channel_format()])
        self._describe(info)
        self._lost_error: type[Exception] = lsl.util.LostError
        self._timeout_error: type[Exception] = lsl.util.TimeoutError
        self._events = EventLog(request.now_ns)
        self._link = Link(self._events, whose)
        self._window = Window(request.now_ns)

    @property
    def description(self) -> TrackerDescription:
        """What the stream says of itself."""
        return self._description

    def start(self) -> None:
        """Forget what was received before."""
        self._inlet.flush()
        self._link.forget()
        self._window.begin()

    def drain(self) -> GazeSamples:
        """Every sample that has arrived."""
        blocks: list[GazeSamples] = []
        stamps: list[float] = []
        while more := self._pull():
            blocks.append(self._columns.samples(self._block[: len(more)].astype(np.float64)))
            stamps += more
        if self._window.open and self._description.rate_hz:
            self._link.listen(self._now_ns(), heard=bool(stamps), remedy=_REMEDY)
        if self._description.rate_hz and len(stamps) >= _BUFFER_S * self._description.rate_hz:
            self._events.tell("overflow", "Samples of the eye tracker were not fetched for too long; some are lost.")
        if not stamps:
            return GazeSamples.blank(0, "tracker")
        self._correct()
        samples = GazeSamples.join(blocks, "tracker")
        sent_s = np.array(stamps)
        samples.rows["device_us"] = np.rint(sent_s * 1e6).astype(np.int64)
        samples.rows["host_ns"] = np.rint((sent_s + self._correction_s) * 1e9).astype(np.int64)
        return self._window.admit(samples)

    def stop(self) -> None:
        """Take nothing that is sampled from now on."""
        self._window.end()

    def close(self) -> None:
        """Let the stream go."""
        self.stop()
        self._inlet.close_stream()

    def events(self) -> Sequence[TrackerEvent]:
        """What has happened since the last call."""
        return self._events.take()

    def _pull(self) -> list[float]:
        try:
            _, stamps = self._inlet.pull_chunk(timeout=0.0, max_samples=_BLOCK, dest_obj=self._block)
        except self._lost_error:
            self._link.down(_REMEDY)
            return []
        return list(stamps)

    def _correct(self) -> None:
        """Take liblsl's latest estimate, which it keeps up to date by itself; while it has none, the former one stands."""
        if self._same_clock:
            return
        try:
            self._correction_s = float(self._inlet.time_correction(0.0))
        except (self._timeout_error, self._lost_error):
            return

    def _describe(self, info: Any) -> None:
        acquisition = info.desc().child("acquisition")
        said = [acquisition.child_value(name) for name in ("manufacturer", "model", "serial_number", "firmware_version")]
        model = " ".join(word for word in said[:2] if word) or str(info.name())
        eyes = (self._columns.left, self._columns.right)
        able = {
            "pupil": any(eye.pupil_mm is not None for eye in eyes),
            "distance": any(eye.distance_mm is not None for eye in eyes),
        }
        capabilities = frozenset(name for name, there in able.items() if there)
        self._description = TrackerDescription(
            "lsl", "tracker", model, said[2], float(info.nominal_srate()), capabilities, firmware=said[3]
        )


def _pylsl() -> Any:
    """The library.

    Raises:
        MissingExtraError: It, or the liblsl it needs, is not there.
    """
    try:
        import pylsl  # pyright: ignore[reportMissingImports] - it is there with its extra only
    except (ImportError, RuntimeError, OSError) as error:  # pylsl raises RuntimeError where it finds no liblsl
        raise MissingExtraError("An eye tracker over Lab Streaming Layer", "lsl") from error
    return pylsl


def _resolve(lsl: Any, address: str) -> list[Any]:
    """The streams of type Gaze that are called `address`, or all of them, one of each source."""
    if address:
        found = lsl.resolve_byprop("source_id", address, minimum=1, timeout=_SEARCH_S)
        found = found or lsl.resolve_byprop("name", address, minimum=_EVERY, timeout=_SEARCH_S)
    else:
        found = lsl.resolve_byprop("type", "Gaze", minimum=_EVERY, timeout=_SEARCH_S)
    return list({info.source_id() or info.uid(): info for info in found if info.type() == "Gaze"}.values())


def _channels(info: Any) -> list[Channel]:
    channels: list[Channel] = []
    element = info.desc().child("channels").child("channel")
    while not element.empty() and len(channels) < info.channel_count():
        channels.append(Channel(*(element.child_value(name) for name in ("label", "eye", "type", "unit"))))
        element = element.next_sibling("channel")
    return channels


def _find() -> Sequence[FoundTracker]:
    return tuple(FoundTracker("lsl", info.name(), "", info.source_id() or info.name()) for info in _resolve(_pylsl(), ""))


LSL = Driver("Any tracker that streams over Lab Streaming Layer", LslTracker, _find)
