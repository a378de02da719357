"""`CalibrationFlow`: a reader is set up on the tracked monitor, from the first look into the mirror to the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QCloseEvent, QFont, QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from egma_app.capture.calibration.attempt import FIVE, NINE, Attempt
from egma_app.capture.calibration.guide import EyeBox
from egma_app.capture.calibration.procedure import Procedure
from egma_app.capture.calibration.report import ReportPage
from egma_app.capture.calibration.stage import FullScreen, Pace, TargetStage
from egma_app.capture.recording import Recording
from egma_app.capture.sitting import Setup
from egma_app.settings import Settings
from egma_app.widgets.labels import quiet_label
from egma_core.errors import EgmaError

_WAITING = {
    "entering": "The tracker is getting ready…",
    "computing": "Calibrating…",
    "discarding": "One more time at some of the points…",
    "leaving": "Calibrated. Now a look at some other points.",
    "judging": "Judging…",
    "applying": "Going back…",
}
_REPORT_KEYS = (Qt.Key.Key_Space, Qt.Key.Key_R, Qt.Key.Key_C)
_KEYS_BY_PERSON = "Space: I am looking at it   ·   Esc: back"
_KEYS = "Look at the middle of the target until it moves on   ·   Esc: back"


class CalibrationFlow(FullScreen):
    """Guides, calibrates, validates and reports; every attempt is kept by the capture process.

    Attributes:
        finished: Emitted with whether a calibration was accepted; the window closes itself then.
        procedure: What is going on.
    """

    finished = Signal(bool)

    def __init__(
        self,
        recording: Recording,
        setup: Setup,
        settings: Settings,
        parent: QWidget | None = None,
        *,
        n_points: int | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Prepare to set up the reader of an open session.

        Args:
            recording: The capture process.
            setup: How the session was set up.
            settings: How many points, and who sets the pace.
            parent: The window on the tracked monitor.
            n_points: How many points a study protocol asks for; by default as set.
            pace: How fast targets move; by default as set.
        """
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Calibration")
        self._recording = recording
        self._setup = setup
        self._serial = 0
        self._over = False
        station, values = recording.session.station, settings.values
        capabilities = station.capabilities if station is not None else frozenset[str]()
        points = NINE if (n_points or values.calibration_points) == len(NINE) else FIVE
        self.procedure = Procedure(recording.send, capabilities, self._refresh, points=points)
        by_person = values.calibration_pace == "space" and not self.procedure.paced_by_tracker
        self.box = EyeBox(setup.screen.distance_mm, guided=self.procedure.guides)
        self.stage = TargetStage(setup.screen.px_per_deg(), pace or Pace(by_person=by_person))
        self.report = ReportPage(setup.screen)
        self._go_on = QPushButton(f"{'Calibrate' if self.procedure.calibrates else 'Validate'}   Space")
        self._guide = self._guide_page()
        self._words = QLabel()
        self._remedy = quiet_label()
        self._again = QPushButton("Try again   R")
        self._message = self._message_page()
        self._pages = QStackedWidget()
        for page in (self._guide, self.stage, self.report, self._message):
            self._pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._pages)
        self._connect()

    def open(self) -> None:
        """Fill the monitor and begin; where nobody can be set up, say why instead."""
        self.fill_monitor()
        refusal = self.refusal(self._setup)
        if refusal:
            self._again.hide()
            self.procedure.fail(*refusal)
        else:
            self.procedure.open()

    # -- keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space goes on or accepts, R looks or tries again, C calibrates, Esc goes back."""
        key, state = event.key(), self.procedure.state
        focused = QApplication.focusWidget()
        if key == Qt.Key.Key_Escape:
            self._back()
        elif key == Qt.Key.Key_Space and isinstance(focused, QAbstractButton) and self.isAncestorOf(focused):
            focused.click()
        elif key == Qt.Key.Key_Space:
            self._forward()
        elif key == Qt.Key.Key_R:
            self._redo()
        elif key == Qt.Key.Key_C and state == "report" and self.procedure.calibrates:
            self.procedure.start()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys of the report work from its tables too, which would search for a row that begins with the letter."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in _REPORT_KEYS:
            self.keyPressEvent(event)
            return True
        return super().eventFilter(watched, event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """However it is closed, the tracker leaves its calibration mode."""
        self._end(accepted=False)
        event.accept()

    def _forward(self) -> None:
        state = self.procedure.state
        if state == "guide":
            self.procedure.start()
        elif state in ("collecting", "looking"):
            self.stage.go_on()
        elif state == "report":
            self.report.press_keep()

    def _redo(self) -> None:
        if self.procedure.state == "report":
            self.report.press_redo()
        elif self.procedure.state == "trouble" and not self._again.isHidden():
            self.procedure.start()

    def _back(self) -> None:
        if self.procedure.state in ("guide", "report", "done") or self._again.isHidden():
            self._end(accepted=False)
        else:
            self.procedure.cancel()

    def _end(self, *, accepted: bool) -> None:
        """Say once how it ended, and go."""
        if self._over:
            return
        self._over = True
        if not accepted:
            self.procedure.close()
        self.stage.clear()
        for signal, slot in self._links:
            signal.disconnect(slot)
        self.finished.emit(accepted)
        self.close()

    # -- what the capture process says

    def _take(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "position":
            self.box.show_position(event)
        elif event["event"] == "tracker" and event["kind"] == "connection_lost":
            self.procedure.fail(event["text"])
        else:
            self.procedure.handle(event)

    def _complained(self, error: EgmaError) -> None:
        self.procedure.fail(error.what, error.remedy)

    def _lost(self, words: str, _safe: str) -> None:
        self._again.hide()
        self.procedure.fail(words, "Open the session again.")

    # -- what is shown

    def _refresh(self) -> None:
        """Show the procedure as it is now."""
        if self._over:
            return
        procedure, state = self.procedure, self.procedure.state
        if state == "done":
            self._end(accepted=True)
        elif procedure.target is not None:
            self._pages.setCurrentWidget(self.stage)
            self.stage.hint = _KEYS_BY_PERSON if self.stage.pace.by_person else _KEYS
            if procedure.serial != self._serial:
                self._serial = procedure.serial
                self.stage.go_to(procedure.target)
        elif state == "guide":
            self._pages.setCurrentWidget(self._guide)
        elif state == "report":
            self._show_report()
        else:
            self._say(state)
        self.setFocus()

    def _show_report(self) -> None:
        procedure = self.procedure
        self.stage.clear()
        self.report.show_attempts(procedure.attempts, procedure.note, calibrates=procedure.calibrates, goes_back=procedure.goes_back)
        self._pages.setCurrentWidget(self.report)

    def _say(self, state: str) -> None:
        """Words alone: what is being waited for, or what is in the way."""
        trouble = state == "trouble"
        self._words.setText(self.procedure.trouble[0] if trouble else _WAITING[state])
        self._remedy.setText(self.procedure.trouble[1] if trouble else "")
        for widget in self._message.findChildren(QPushButton):
            widget.setEnabled(trouble)
        self._pages.setCurrentWidget(self._message)

    # -- building

    def _connect(self) -> None:
        recording, procedure, report = self._recording, self.procedure, self.report
        self._links = ((recording.told, self._take), (recording.complained, self._complained), (recording.lost, self._lost))
        for signal, slot in self._links:
            signal.connect(slot)
        for table in (report.targets, report.attempts):
            table.installEventFilter(self)
        self.stage.arrived.connect(procedure.arrived)
        self._go_on.clicked.connect(self._forward)
        self._again.clicked.connect(self._redo)
        report.accepted.connect(self._accept)
        report.chosen.connect(procedure.choose)
        report.again.connect(procedure.look_again)
        report.all_again.connect(procedure.validate)
        report.calibrate_again.connect(procedure.start)
        report.left.connect(self._back)

    def _accept(self, attempt: Attempt) -> None:
        self.procedure.accept(attempt)

    def _guide_page(self) -> QWidget:
        page, heading = QWidget(), QLabel("Where do you sit?" if self.procedure.guides else "Ready?")
        heading.setFont(_larger(heading.font(), 1.6))
        self._go_on.setProperty("role", "main")
        back = QPushButton("Back   Esc")
        back.clicked.connect(self._back)
        what = "Then look at the middle of each target until it moves on; keep your head still, blink as you like."
        column = QVBoxLayout(page)
        column.setSpacing(14)
        column.addStretch(2)
        column.addWidget(heading, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.box, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(_centred(quiet_label(what)), 0)
        for button in (self._go_on, back):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setMinimumWidth(260)
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        return page

    def _message_page(self) -> QWidget:
        page = QWidget()
        self._words.setFont(_larger(self._words.font(), 1.4))
        self._words.setWordWrap(True)
        back = QPushButton("Back   Esc")
        back.clicked.connect(self._back)
        column = QVBoxLayout(page)
        column.setSpacing(12)
        column.setContentsMargins(80, 40, 80, 40)
        column.addStretch(2)
        column.addWidget(_centred(self._words))
        column.addWidget(_centred(self._remedy))
        for button in (self._again, back):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setMinimumWidth(260)
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        return page


def _larger(font: QFont, factor: float) -> QFont:
    larger = QFont(font)
    larger.setPointSizeF(font.pointSizeF() * factor)
    return larger


def _centred(label: QLabel) -> QLabel:
    label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    return label
