"""The window's end of the capture process: starts it, feeds it what is shown and pointed at, and tells what it says."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter_ns
from typing import Any

from PySide6.QtCore import QObject, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QCursor

from egma_app import jobs
from egma_app.capture.session import CaptureSession
from egma_app.capture.sitting import POINTER_HZ, Setup
from egma_app.viewer.image_view import ImageView
from egma_core.store.values import Changes

PROCESS = "egma_core.recording.process"
_EXIT_MS = 6000
_SESSION_EVENTS = frozenset({"ready", "recovered", "begun", "progress", "ended", "error"})


class Recording(QObject):
    """One capture process at a time, and the session it serves.

    Attributes:
        changed: Emitted after whatever changes the session's state or sentences.
        opened: Emitted when a session is open.
        begun: Emitted when a reading has begun.
        measured: Emitted when the process has told how the recording does.
        wrote: Emitted with the `Changes` of what the process has written.
        ended: Emitted with how a reading has ended: as decided (`signed_off`, `kept`, `redone`, `discarded`), or `aborted`.
        measured_clocks: Emitted with the fits of the reading's clocks, dicts, when it has ended.
        recovered: Emitted when interrupted readings were recovered.
        judged: Emitted with the `GateAnswer` to the session's question.
        complained: Emitted with the error that the process reports.
        told: Emitted with every event of the process, a dict, that concerns others than the session: of the tracker, the
            calibration and so on. (`event` itself is a method of every QObject.)
        lost: Emitted with (words, safe) when the process is gone without having been asked to go: why, and up to when an
            unfinished reading is safe ("" where there was none).
        session: What may be asked now.
        library: What the session's library was opened with; for child processes, never for a person.
    """

    changed = Signal()
    opened = Signal()
    begun = Signal()
    measured = Signal()
    wrote = Signal(object)
    ended = Signal(str)
    measured_clocks = Signal(object)
    recovered = Signal()
    judged = Signal(object)
    complained = Signal(object)
    told = Signal(object)
    lost = Signal(str, str)

    def __init__(self, view: ImageView, parent: QObject | None = None) -> None:
        """Follow what `view` shows, and the pointer on its monitor."""
        super().__init__(parent)
        self._view = view
        self._child: jobs.Child | None = None
        self.library = ""
        self.session = CaptureSession(self.send)
        view.painted.connect(self.session.show)
        view.pointer_moved.connect(lambda sample: self.session.point(*sample))
        # A pointer that rests sends nothing by itself, yet it rests somewhere.
        self._pointer_timer = QTimer(self)
        self._pointer_timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._pointer_timer.setInterval(round(1000 / POINTER_HZ))
        self._pointer_timer.timeout.connect(self._point)

    @property
    def pid(self) -> int:
        """The capture process's number; 0 while there is none."""
        return self._child.pid if self._child is not None else 0

    def open(self, library: str, setup: Setup) -> None:
        """Start a process and open a session in it; an open one is ended first.

        Raises:
            RecordingError: The set-up is not complete.
        """
        self.close()
        self.library = library
        self._child = jobs.Child(PROCESS, "Recording", parent=self)
        self._child.received.connect(self._on_event)
        self._child.ended.connect(self._on_ended)
        self._child.start()
        self.session.open(library, setup)
        self.changed.emit()

    def close(self) -> None:
        """Let the process finish and wait for it: whoever goes on finds everything stored. A reading in progress is aborted."""
        child, self._child = self._child, None
        if child is not None:
            child.ended.disconnect(self._on_ended)
            child.finish()
            child.wait(_EXIT_MS)
            child.deleteLater()
        self.session.lost()
        self._after_change()

    def send(self, command: Mapping[str, Any]) -> None:
        """Send the process a command that does not concern the reading; without effect while there is no process."""
        if self._child is not None:
            self._child.send(command)

    def _on_event(self, event: Mapping[str, Any]) -> None:
        decision = self.session.decision
        complaint = self.session.handle(event)
        kind = event["event"]
        if kind == "progress":
            self.measured.emit()
            return
        if kind not in _SESSION_EVENTS:
            self._pass_on(event)
            return
        if kind == "ready":
            self._view.announce()  # what is on the screen now opens the log
            self.opened.emit()
        if kind == "begun":
            self.begun.emit()
        if kind == "recovered":
            self.recovered.emit()
        if kind in ("begun", "ended", "recovered"):
            self.wrote.emit(Changes(frozenset({"reading"}), event.get("reading_id")))
        if kind == "ended":
            self.ended.emit(decision or str(event["state"]))
            self.measured_clocks.emit(event.get("clock", []))
        if complaint is not None and self.session.state == "opening":
            self.close()
        self._after_change()
        if complaint is not None:
            self.complained.emit(complaint)

    def _pass_on(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "gate" and self.session.answer is not None:
            self.judged.emit(self.session.answer)
        self.told.emit(event)

    def _on_ended(self, words: str, _ok: bool) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.deleteLater()
        safe = self.session.lost()
        self._after_change()
        self.lost.emit(words, safe)

    def _after_change(self) -> None:
        setup = self.session.setup
        if self.session.state == "reading" and setup is not None and setup.tracker == "mouse":
            self._pointer_timer.start()
        else:
            self._pointer_timer.stop()
        self.changed.emit()

    def _point(self) -> None:
        host_ns = perf_counter_ns()
        self.session.point(host_ns, *self._view.display_fraction(QPointF(QCursor.pos())))
