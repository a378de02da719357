"""`DriftCheck`: one look at one target between readings, and what to do about what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QFont, QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from egma_app.capture.calibration.advice import RecalibrationLimits, degrees, recalibration_advice
from egma_app.capture.calibration.attempt import MIDDLE
from egma_app.capture.calibration.picture import LookPicture
from egma_app.capture.calibration.stage import FullScreen, Pace, TargetStage
from egma_app.capture.recording import Recording
from egma_app.capture.sitting import Setup
from egma_app.widgets.labels import quiet_label
from egma_core.errors import EgmaError

_SMALL_DEG = 0.3
_SHOWN_DEG = 4.0
_LOST = 0.5
_TRIES = 3


class DriftCheck(FullScreen):
    """Shows a target, measures how far gaze is off it, and offers to put that right by a shift.

    Attributes:
        measured: Emitted with the drift in degrees, what is left with the correction in force.
        recalibrate: Emitted when a new calibration is wanted; `finished` follows.
        finished: Emitted with whether a correction was made or undone; the window closes itself then.
    """

    measured = Signal(float)
    recalibrate = Signal()
    finished = Signal(bool)

    def __init__(
        self,
        recording: Recording,
        setup: Setup,
        parent: QWidget | None = None,
        *,
        limits: RecalibrationLimits | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Prepare a check in an open session.

        Args:
            recording: The capture process.
            setup: How the session was set up.
            parent: The window on the tracked monitor.
            limits: From which drift on a new calibration is suggested.
            pace: How fast the target moves.
        """
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Drift check")
        self._recording = recording
        self._setup = setup
        self._limits = limits or RecalibrationLimits()
        self._tries = 0
        self._over = False
        self._attempt_id = 0
        self._drift: Mapping[str, Any] = {}
        self.stage = TargetStage(setup.screen.px_per_deg(), pace or Pace(move_ms=0, rest_ms=700))
        self.stage.hint = "Look at the middle of the target   ·   Esc: back"
        self.picture = LookPicture(setup.screen, around_deg=_SHOWN_DEG)
        self.words = QLabel()
        self.advice = quiet_label()
        self._labels = {
            QPushButton(): label
            for label in (("Put it right", "P"), ("Undo the correction", "U"), ("Look again", "R"), ("Calibrate", "C"), ("Leave it", "Esc"))
        }
        self.apply, self.undo, self.again, self.calibrate, self.leave = self._labels
        self._main = self.again
        self._pages = QStackedWidget()
        self._pages.addWidget(self.stage)
        self._result = self._result_page()
        self._pages.addWidget(self._result)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._pages)
        self._connect()

    def open(self) -> None:
        """Fill the monitor and show the target; where nobody can be set up, say why instead."""
        self.fill_monitor()
        refusal = self.refusal(self._setup)
        if refusal:
            self.again.hide()
            self._say(*refusal)
        else:
            self.look()

    def look(self) -> None:
        """Take a look, anew."""
        self._drift, self._tries, self._main = {}, 0, self.again
        self._pages.setCurrentWidget(self.stage)
        self.setFocus()
        self.stage.go_to(MIDDLE)

    # -- what the person does

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space does what is marked, P puts it right, U undoes, R looks again, C calibrates, Esc leaves."""
        focused, key = QApplication.focusWidget(), event.key()
        if key == Qt.Key.Key_Escape:
            self._end(changed=False)
        elif key == Qt.Key.Key_Space and isinstance(focused, QAbstractButton) and self.isAncestorOf(focused):
            focused.click()
        else:
            buttons = {
                Qt.Key.Key_Space: self._main,
                Qt.Key.Key_P: self.apply,
                Qt.Key.Key_U: self.undo,
                Qt.Key.Key_R: self.again,
                Qt.Key.Key_C: self.calibrate,
            }
            button = buttons.get(Qt.Key(key))
            if button is None or self._pages.currentWidget() is not self._result:
                super().keyPressEvent(event)
            elif not button.isHidden():
                button.click()

    def closeEvent(self, event: QCloseEvent) -> None:
        """However it is closed, that is said."""
        self._end(changed=False)
        event.accept()

    def _put_right(self) -> None:
        correction = self._drift.get("correction")
        if correction:
            self._correct(correction[0], correction[1], f"A drift check found gaze {degrees(self._drift['deg'])} off.")
        else:
            self._end(changed=False)

    def _correct(self, dx: float, dy: float, reason: str) -> None:
        self._recording.send({"do": "correct", "attempt_id": self._attempt_id, "dx": dx, "dy": dy, "reason": reason})

    def _calibrate(self) -> None:
        self.recalibrate.emit()
        self._end(changed=False)

    def _end(self, *, changed: bool) -> None:
        """Say once how it ended, and go."""
        if self._over:
            return
        self._over = True
        self.stage.clear()
        for signal, slot in self._links:
            signal.disconnect(slot)
        self.finished.emit(changed)
        self.close()

    # -- what the capture process says

    def _take(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == "looked" and event.get("kind") == "drift_check":
            self._tries += 1
            if event["loss"] > _LOST and self._tries < _TRIES:
                self._look()
            else:
                self._recording.send({"do": "judge", "kind": "drift_check"})
        elif kind == "looked" and "error" in event:
            self._say(event["error"], event.get("remedy", ""))
        elif kind == "tracker" and event["kind"] == "connection_lost":
            self._say(event["text"], "")
        elif kind == "judged" and event["kind"] == "drift_check":
            self._judged(event)
        elif kind == "corrected":
            self._end(changed=True)

    def _look(self) -> None:
        self._recording.send({"do": "look", "kind": "drift_check", "point": list(MIDDLE)})

    def _judged(self, event: Mapping[str, Any]) -> None:
        self._attempt_id, self._drift = event["attempt_id"], event["figures"]["drift"]
        self.picture.show_looks(event["looks"], None)
        off = self._drift["deg"]
        if off is None:
            self._say("Your eyes were not seen.", "Look at the target, or check how you sit.")
            return
        self.measured.emit(off)
        advice = recalibration_advice(0, off, self._limits, apart_deg=self._drift["apart_deg"])
        small = "That is within what can be expected." if off < _SMALL_DEG else ""
        self._main = self.calibrate if advice else self.leave if small else self.apply
        self._say(f"Gaze is {degrees(off)} off: {_direction(self._drift['x_deg'], self._drift['y_deg'])}.", advice or small)

    def _complained(self, error: EgmaError) -> None:
        self._say(error.what, error.remedy)

    def _lost(self, words: str, _safe: str) -> None:
        self._drift = {}
        self._say(words, "Open the session again.")
        self.again.hide()

    def _say(self, words: str, advice: str) -> None:
        """Show the result; what cannot be done with it is not offered."""
        self.stage.clear()
        drift = self._drift
        self.words.setText(words)
        self.advice.setText(advice)
        self.picture.setVisible(bool(drift))
        self.apply.setVisible(bool(drift.get("correction")))
        self._mark()
        self.undo.setVisible(bool(drift) and drift["in_force"] != [0.0, 0.0])
        self._pages.setCurrentWidget(self._result)
        self.setFocus()

    def _mark(self) -> None:
        """Show which button Space presses."""
        for button, (words, key) in self._labels.items():
            main = button is self._main
            button.setText(f"{words}   {'Space' if main else key}")
            button.setProperty("role", "main" if main else "")
            button.style().unpolish(button)
            button.style().polish(button)

    # -- building

    def _connect(self) -> None:
        recording = self._recording
        self._links = ((recording.told, self._take), (recording.complained, self._complained), (recording.lost, self._lost))
        for signal, slot in self._links:
            signal.connect(slot)
        self.stage.arrived.connect(self._look)
        self.apply.clicked.connect(self._put_right)
        self.undo.clicked.connect(lambda: self._correct(0.0, 0.0, "The correction was undone by a person."))
        self.again.clicked.connect(self.look)
        self.calibrate.clicked.connect(self._calibrate)
        self.leave.clicked.connect(lambda: self._end(changed=False))

    def _result_page(self) -> QWidget:
        page = QWidget()
        font = QFont(self.words.font())
        font.setPointSizeF(font.pointSizeF() * 1.4)
        self.words.setFont(font)
        for label in (self.words, self.advice):
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        for button in self._labels:
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            buttons.addWidget(button)
        buttons.addStretch(1)
        column = QVBoxLayout(page)
        column.setContentsMargins(60, 40, 60, 40)
        column.setSpacing(14)
        column.addStretch(1)
        column.addWidget(self.picture, 6)
        column.addWidget(self.words)
        column.addWidget(self.advice)
        column.addLayout(buttons)
        column.addStretch(1)
        return page


def _direction(x_deg: float, y_deg: float) -> str:
    """Where gaze lies beside the target, in words."""
    across = f"{degrees(abs(x_deg))} to the {'right' if x_deg > 0 else 'left'}"
    return f"{across}, {degrees(abs(y_deg))} {'below' if y_deg > 0 else 'above'}"
