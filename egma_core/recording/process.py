"""The capture process: owns tracker, microphone, clock and every raw write, apart from the window and without Qt.

A tracker that takes its time to be found is opened beside everything else; `ready` comes when it is there.
It takes the commands open, begin, viewport, pointer, sentence, edit, heard, note, gate, end and quit, and those of calibration;
it tells ready, recovered, begun, progress, gate, ended, tracker, trouble and error (see `egma_core.child` for the form of both).
However the window dies, what happened is on the disk.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence

from egma_core.child import Channel, Command, serve
from egma_core.errors import ConfigError, EgmaError, RecordingError, StoreError, TrackerError
from egma_core.recording import requests
from egma_core.recording.clock import Clock, HostClock
from egma_core.recording.priority import go_before_others
from egma_core.recording.progress import Ending, Progress
from egma_core.recording.reports import ended_fields, progress_fields, recovered_fields
from egma_core.recording.requests import EndRequest
from egma_core.recording.sitting import ComingSitting, Sitting
from egma_core.store.values import Decision, ReadingDecision
from egma_core.trackers.fed import FedTracker
from egma_core.trackers.tracker import TrackerEvent

_TICK_S = 0.05
_CHUNKS_BETWEEN_PROGRESS = 5
_LATE_NS = 1_000_000_000  # a commit that has to wait for so long is worth a word


class Capture:
    """Carries out the window's commands, one sitting at most."""

    def __init__(self, channel: Channel, clock: Clock) -> None:
        """Wait for `open`."""
        self._channel = channel
        self._clock = clock
        self._sitting: Sitting | None = None
        self._coming: ComingSitting | None = None
        self._n_chunks = 0
        self._latency_ms = 0.0
        self._trouble = ""
        self._commands: dict[str, Callable[[Command], None]] = {
            "open": self._open,
            "begin": self._begin,
            "viewport": lambda command: self._opened().session.recorder.show(requests.viewport(command)),
            "pointer": self._pointer,
            "sentence": lambda command: self._opened().session.recorder.say(requests.sentence(command)),
            "edit": lambda command: self._opened().session.recorder.edit(requests.edit(command)),
            "heard": lambda command: self._opened().session.recorder.hear(requests.heard(command)),
            "note": self._note,
            "gate": self._gate,
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
        """Write what has happened, and now and then tell how it stands.

        Raises:
            EgmaError: The tracker that was being opened cannot be used, or the reading cannot be ended though it must be.
        """
        if self._coming is not None and self._coming.done:
            self._sit_down(self._coming)
        if self._sitting is None:
            return
        recorder = self._sitting.session.recorder
        if recorder.reading_id is None:
            self._sitting.calibrating.step()
            self._tell_events(self._sitting.tracker.events())
            return
        progress = recorder.step_if_due()
        if progress is None:
            return
        self._tell_events(progress.events)
        for trouble in progress.troubles:
            self._channel.emit("trouble", kind=trouble.kind, text=trouble.text)
        self._tell_trouble(progress)
        self._latency_ms = max(self._latency_ms, progress.written.latency_ms)
        self._n_chunks += 1
        if self._n_chunks % _CHUNKS_BETWEEN_PROGRESS == 0:
            now_ns, latency_ms = self._clock.now_ns(), self._latency_ms
            self._channel.emit("progress", **progress_fields(recorder.reading_id, progress, now_ns, latency_ms))
            self._latency_ms = 0.0
        if recorder.disk_is_full and progress.written.trouble is None:
            self._finish(EndRequest("aborted", "The disk was full.", None, ""))

    def close(self) -> None:
        """Abort a reading in progress once it is stored, and let everything go.

        Raises:
            EgmaError: Part of the reading cannot be stored.
        """
        if self._coming is not None:
            self._coming.abandon()
        if self._sitting is not None:
            reading_id = self._sitting.session.recorder.reading_id
            ending = self._sitting.close()
            if reading_id is not None and ending is not None:
                self._channel.emit("ended", **ended_fields(reading_id, "aborted", ending))

    def _open(self, command: Command) -> None:
        wanted = requests.open_request(command)
        if self._sitting is not None or self._coming is not None:
            raise RecordingError("A library is open already.", "Start another capture process for another sitting.")
        self._coming = ComingSitting(wanted, self._clock)
        if self._coming.done:
            self._sit_down(self._coming)

    def _sit_down(self, coming: ComingSitting) -> None:
        """The tracker is open, or cannot be."""
        self._coming = None
        sitting = coming.sit_down(self._channel.emit)
        self._sitting = sitting
        self._commands |= sitting.calibrating.commands
        if sitting.session.recovered:
            self._channel.emit("recovered", **recovered_fields(sitting.session.recovered))
        self._channel.emit("ready", **sitting.ready_fields())

    def _begin(self, command: Command) -> None:
        study_id = command.fields({"study_id": int})["study_id"]
        sitting = self._opened()
        if sitting.calibrating.busy:
            raise RecordingError("The eye tracker is being calibrated.", "Finish or leave the calibration before beginning a reading.")
        sitting.calibrating.rest()
        self._tell_events(sitting.tracker.events())
        recorder = sitting.session.recorder
        reading_id = recorder.begin(sitting.session.session_id, study_id)
        self._n_chunks, self._latency_ms, self._trouble = 0, 0.0, ""
        self._channel.emit("begun", reading_id=reading_id, started_ns=recorder.started_ns)

    def _pointer(self, command: Command) -> None:
        samples = requests.pointer(command)
        tracker = self._opened().tracker
        if not isinstance(tracker, FedTracker):
            raise ConfigError("Pointer positions were sent, but the tracker is not the mouse.", "Open with the tracker 'mouse'.")
        refused: TrackerError | None = None
        for sample in samples:
            try:
                tracker.push(*sample)
            except TrackerError as error:
                refused = error
        if refused:
            raise refused

    def _note(self, command: Command) -> None:
        fields = command.fields({"kind": str, "text": str})
        self._opened().session.recorder.note(fields["kind"], fields["text"])

    def _gate(self, command: Command) -> None:
        command.fields()
        recorder = self._opened().session.recorder
        gate = recorder.gate()
        self._channel.emit("gate", reading_id=recorder.reading_id, **dataclasses.asdict(gate))

    def _end(self, command: Command) -> None:
        self._opened()
        self._finish(requests.end_request(command))

    def _finish(self, wanted: EndRequest) -> None:
        recorder = self._opened().session.recorder
        reading_id = recorder.reading_id
        ending = recorder.end(wanted.state, wanted.note)
        assert reading_id is not None
        if wanted.decision is not None:
            self._decide(reading_id, wanted.decision, wanted.reason, ending)
        self._channel.emit("ended", **ended_fields(reading_id, wanted.state, ending))

    def _decide(self, reading_id: int, decision: Decision, reason: str, ending: Ending) -> None:
        """Write down what was decided at the gate; the reading has ended by then, whatever comes of this."""
        sitting = self._opened()
        figures = {**dataclasses.asdict(ending.gate), "limits": dataclasses.asdict(sitting.session.recorder.limits)}
        try:
            sitting.store.decide(reading_id, ReadingDecision(self._clock.now_ns(), self._clock.utc(), decision, reason, figures))
        except StoreError as error:
            self._channel.fail(error)

    def _opened(self) -> Sitting:
        if self._sitting is None:
            raise RecordingError("No library is open.", "Send 'open' first.")
        return self._sitting

    # -- what is told

    def _tell_events(self, events: Sequence[TrackerEvent]) -> None:
        for event in events:
            self._channel.emit("tracker", kind=event.kind, text=event.text)

    def _tell_trouble(self, progress: Progress) -> None:
        """Say once what is wrong with the tracker, or with a database that has been refusing for a while."""
        error = progress.trouble
        if error is not None and error is progress.written.trouble and self._clock.now_ns() - progress.written.safe_up_to_ns < _LATE_NS:
            return
        trouble = error.what if error else ""
        if error and trouble != self._trouble:
            self._channel.fail(error)
        self._trouble = trouble


def main() -> int:
    """Serve the window until it says quit or goes away."""
    go_before_others()
    channel = Channel.standard()
    capture = Capture(channel, HostClock())
    try:
        serve(channel, capture.handle, tick=capture.step, every_s=_TICK_S)
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
