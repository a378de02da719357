"""The capture process: owns tracker, clock and every raw write, apart from the window and without Qt.

A tracker that takes its time to be found is opened beside everything else; `ready` comes when it is there.
It takes the commands open, begin, viewport, pointer, sentence, note, end and quit, and tells ready, recovered, begun, progress,
ended and error (see `egma_core.child` for the form of both). However the window dies, what happened is on the disk.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable
from typing import Any, cast, get_args

from egma_core.child import Channel, Command, checked_fields, serve
from egma_core.errors import ConfigError, EgmaError, RecordingError, TrackerError
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Screen, Transform
from egma_core.recording.clock import Clock, HostClock
from egma_core.recording.session import CaptureSession
from egma_core.speech.sentences import TextOrigin
from egma_core.store.store import Store
from egma_core.store.values import SpokenSentence
from egma_core.trackers.driver import TrackerRequest
from egma_core.trackers.drivers import Opening
from egma_core.trackers.fed import FedTracker
from egma_core.trackers.tracker import Tracker

_STEP_S = 0.1
_STEPS_BETWEEN_PROGRESS = 5


@dataclasses.dataclass(frozen=True)
class _Coming:
    """A sitting whose tracker is being opened."""

    opening: Opening
    reader: str
    screen: Screen


class Capture:
    """Carries out the window's commands, one sitting at most."""

    def __init__(self, channel: Channel, clock: Clock) -> None:
        """Wait for `open`."""
        self._channel = channel
        self._clock = clock
        self._store: Store | None = None
        self._session: CaptureSession | None = None
        self._tracker: Tracker | None = None
        self._coming: _Coming | None = None
        self._n_steps = 0
        self._trouble = ""
        self._commands: dict[str, Callable[[Command], None]] = {
            "open": self._open,
            "begin": self._begin,
            "viewport": self._viewport,
            "pointer": self._pointer,
            "sentence": self._sentence,
            "note": self._note,
            "end": self._end,
        }

    def handle(self, command: Command) -> None:
        """Carry out one command.

        Raises:
            EgmaError: It cannot be carried out.
        """
        carry_out = self._commands.get(command.do)
        if carry_out is None:
            raise ConfigError(f"There is no command '{command.do}'.", f"Commands: {', '.join(self._commands)}, quit.")
        carry_out(command)

    def step(self) -> None:
        """Store what has happened, and now and then tell how it stands.

        Raises:
            EgmaError: The tracker that was being opened cannot be used.
        """
        if self._coming is not None and self._coming.opening.done:
            self._sit_down()
        if self._session is None or self._session.recorder.reading_id is None:
            return
        progress = self._session.recorder.step()
        trouble = progress.trouble.what if progress.trouble else ""
        if progress.trouble and trouble != self._trouble:
            self._channel.fail(progress.trouble)
        self._trouble = trouble
        self._n_steps += 1
        if self._n_steps % _STEPS_BETWEEN_PROGRESS == 0:
            self._channel.emit(
                "progress",
                reading_id=self._session.recorder.reading_id,
                safe_up_to_ns=progress.safe_up_to_ns,
                now_ns=self._clock.now_ns(),
                n_samples=progress.n_samples,
                n_waiting=progress.n_waiting,
                rate_hz=round(progress.rate_hz, 1),
                loss_10s=round(progress.loss, 4),
            )

    def close(self) -> None:
        """Abort a reading in progress once it is stored, and let everything go.

        Raises:
            EgmaError: Part of the reading cannot be stored.
        """
        try:
            if self._coming is not None:
                self._coming.opening.abandon()
            if self._session is not None:
                reading_id = self._session.recorder.reading_id
                self._session.close()
                if reading_id is not None:
                    self._channel.emit("ended", reading_id=reading_id, state="aborted")
        finally:
            if self._store is not None:
                self._store.close()

    def _open(self, command: Command) -> None:
        fields = command.fields({"library": str, "reader": str, "screen": dict, "tracker": dict})
        if self._session is not None or self._coming is not None:
            raise RecordingError("A library is open already.", "Start another capture process for another sitting.")
        sizes = {"width_px": int, "height_px": int, "width_mm": float, "height_mm": float, "distance_mm": float}
        screen = Screen(**checked_fields("The screen", fields["screen"], sizes, {}))
        choices = {"rate_hz": float, "seed": int, "address": str, "reading_id": int, "options": dict}
        wanted = checked_fields("The tracker", fields["tracker"], {"name": str}, choices)
        store = Store.open(fields["library"])
        try:
            opening = Opening(wanted["name"], self._request(wanted, screen, store))
        except EgmaError:
            store.close()
            raise
        self._store = store
        self._coming = _Coming(opening, fields["reader"], screen)
        if opening.done:
            self._sit_down()

    def _request(self, wanted: dict[str, Any], screen: Screen, store: Store) -> TrackerRequest:
        reading_id = wanted.get("reading_id")
        return TrackerRequest(
            self._clock.now_ns,
            screen,
            wanted.get("rate_hz"),
            address=wanted.get("address", ""),
            seed=wanted.get("seed", 0),
            samples=None if reading_id is None else store.gaze(reading_id),
            title="" if reading_id is None else f"reading {reading_id}",
            options={str(name): str(value) for name, value in wanted.get("options", {}).items()},
        )

    def _sit_down(self) -> None:
        """The tracker is open, or cannot be: begin the sitting, or give everything back."""
        coming, store = self._coming, self._store
        assert coming is not None
        assert store is not None
        self._coming = None
        try:
            tracker = coming.opening.tracker()
            try:
                session = CaptureSession(store, self._clock, tracker, reader=coming.reader, screen=coming.screen)
            except EgmaError:
                tracker.close()
                raise
        except EgmaError:
            self._store = None
            store.close()
            raise
        self._session, self._tracker = session, tracker
        if session.recovered:
            self._channel.emit("recovered", readings=list(session.recovered))
        description = dataclasses.asdict(tracker.description)
        description["capabilities"] = sorted(description["capabilities"])
        self._channel.emit("ready", session_id=session.session_id, tracker=description)

    def _begin(self, command: Command) -> None:
        study_id = command.fields({"study_id": int})["study_id"]
        session = self._opened()
        reading_id = session.recorder.begin(session.session_id, study_id)
        self._n_steps, self._trouble = 0, ""
        self._channel.emit("begun", reading_id=reading_id, started_ns=session.recorder.started_ns)

    def _viewport(self, command: Command) -> None:
        required = {"host_ns": int, "instance_uid": str, "frame": int, "image_to_screen": list, "region": list}
        fields = command.fields(required, {"window_center": float, "window_width": float, "inverted": bool})
        fields["image_to_screen"] = Transform("image", "screen", *_numbers("image_to_screen", fields["image_to_screen"], 6))
        fields["region"] = Rect(*_numbers("region", fields["region"], 4))
        self._opened().recorder.show(Viewport(**fields))

    def _pointer(self, command: Command) -> None:
        samples = command.fields({"samples": list})["samples"]
        self._opened()
        if not isinstance(self._tracker, FedTracker):
            raise ConfigError("Pointer positions were sent, but the tracker is not the mouse.", "Open with the tracker 'mouse'.")
        refused: TrackerError | None = None
        for host_ns, x, y in [_position(sample) for sample in samples]:
            try:
                self._tracker.push(host_ns, x, y)
            except TrackerError as error:
                refused = error
        if refused:
            raise refused

    def _sentence(self, command: Command) -> None:
        fields = command.fields({"text": str, "onset_ns": int, "offset_ns": int, "origin": str})
        if fields["origin"] not in get_args(TextOrigin):
            raise ConfigError(f"A sentence cannot be of origin '{fields['origin']}'.", f"Known: {', '.join(get_args(TextOrigin))}.")
        if not fields["text"].strip() or fields["offset_ns"] < fields["onset_ns"]:
            raise ConfigError("A sentence needs words, and must not end before it begins.", "Send text, onset_ns and offset_ns.")
        self._opened().recorder.say(SpokenSentence(**fields))

    def _note(self, command: Command) -> None:
        fields = command.fields({"kind": str, "text": str})
        self._opened().recorder.note(fields["kind"], fields["text"])

    def _end(self, command: Command) -> None:
        fields = command.fields({"state": str}, {"note": str})
        recorder = self._opened().recorder
        state = fields["state"]
        if state not in ("complete", "discarded"):
            raise ConfigError(f"A reading cannot be ended as '{state}'.", "End it as 'complete' or 'discarded'.")
        reading_id = recorder.reading_id
        recorder.end(state, fields.get("note", ""))
        self._channel.emit("ended", reading_id=reading_id, state=state)

    def _opened(self) -> CaptureSession:
        if self._session is None:
            raise RecordingError("No library is open.", "Send 'open' first.")
        return self._session


def _numbers(name: str, values: list[Any], n: int) -> list[float]:
    if len(values) != n or not all(_is_number(value) for value in values):
        raise ConfigError(f"The field '{name}' must be a list of {n} numbers.")
    return [float(value) for value in values]


def _position(sample: Any) -> tuple[int, float, float]:
    """[host_ns, x, y] with null for a pointer that is away."""
    if isinstance(sample, list) and len(cast(list[Any], sample)) == 3:
        host_ns, x, y = cast(list[Any], sample)
        if isinstance(host_ns, int) and not isinstance(host_ns, bool) and all(v is None or _is_number(v) for v in (x, y)):
            return host_ns, math.nan if x is None else float(x), math.nan if y is None else float(y)
    raise ConfigError(
        "A pointer sample must be [host_ns, x, y].", "Send a whole number and two fractions of the display, or null for those."
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def main() -> int:
    """Serve the window until it says quit or goes away."""
    channel = Channel.standard()
    capture = Capture(channel, HostClock())
    try:
        serve(channel, capture.handle, tick=capture.step, every_s=_STEP_S)
    finally:
        stored = _closed(capture, channel)
    return 0 if stored else 1


def _closed(capture: Capture, channel: Channel) -> bool:
    """Whether everything was stored."""
    try:
        capture.close()
    except EgmaError as error:
        channel.fail(error)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
