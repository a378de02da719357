"""The gate at sign-off: a reading in which gaze was lost is redone, kept with a reason or discarded with a reason."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QShowEvent
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from egma_app.capture.sitting import GateAnswer
from egma_app.widgets.labels import quiet_label
from egma_app.widgets.tints import WARNING
from egma_core.recording.gate import GateLimits

_RED = "#e5695a"
_GREEN = "#5ecfa6"


class LimitBar(QWidget):
    """A value on a bar with its two limits; what it shows is also its accessible description."""

    def __init__(self, value: float, yellow: float, red: float, parent: QWidget | None = None) -> None:
        """Show `value` against the limits, all in one unit; the bar ends a third beyond the red limit, or at the value."""
        super().__init__(parent)
        self._value, self._yellow, self._red = value, yellow, red
        self._end = max(red * 4 / 3, value * 1.05, 1e-9)
        self.setFixedHeight(16)
        self.setMinimumWidth(200)
        where = "above the red limit" if value >= red else "above the yellow limit" if value >= yellow else "below both limits"
        self.setAccessibleDescription(where)

    def sizeHint(self) -> QSize:
        """Thin and wide."""
        return QSize(260, 16)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the track, the value and the limits."""
        painter = QPainter(self)
        width, middle = self.width(), self.height() / 2
        painter.fillRect(QRectF(0, middle - 3, width, 6), self.palette().color(QPalette.ColorRole.Mid))
        colour = QColor(_RED if self._value >= self._red else WARNING if self._value >= self._yellow else _GREEN)
        painter.fillRect(QRectF(0, middle - 3, width * min(self._value / self._end, 1.0), 6), colour)
        for limit, tint in ((self._yellow, WARNING), (self._red, _RED)):
            painter.fillRect(QRectF(width * limit / self._end - 1, 0, 2, self.height()), QColor(tint))


class GateDialog(QDialog):
    """Asks what becomes of a reading that did not pass.

    Attributes:
        decided: Emitted with (decision, reason): `redone`, `kept` or `discarded`. Closing it goes on with the reading.
    """

    decided = Signal(str, str)

    def __init__(self, answer: GateAnswer, limits: GateLimits, parent: QWidget | None = None) -> None:
        """Show how the reading stands."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Sign off")
        self.setMinimumWidth(560)
        red = answer.verdict == "red"
        heading = QLabel("Much of this reading's gaze is missing." if red else "Some of this reading's gaze is missing.")
        font = heading.font()
        font.setPointSizeF(font.pointSizeF() * 1.25)
        heading.setFont(font)
        why = quiet_label(" ".join(answer.reasons))
        self.reason = QLineEdit()
        self.reason.setPlaceholderText("To keep or to discard it: why?")
        self.reason.setMaxLength(500)
        self.reason.setAccessibleName("Reason")
        buttons = QDialogButtonBox()
        self.redo = buttons.addButton("Read it again", QDialogButtonBox.ButtonRole.ActionRole)
        self.keep = buttons.addButton("Keep it", QDialogButtonBox.ButtonRole.ActionRole)
        self.discard = buttons.addButton("Discard it", QDialogButtonBox.ButtonRole.ActionRole)
        self.go_on = buttons.addButton("Go on reading", QDialogButtonBox.ButtonRole.RejectRole)
        (self.redo if red else self.keep).setProperty("role", "main")
        for button, decision in ((self.redo, "redone"), (self.keep, "kept"), (self.discard, "discarded")):
            button.setAutoDefault(False)
            button.clicked.connect(lambda _checked=False, decision=decision: self._decide(decision))
        self._why = why.text()
        self.go_on.setAutoDefault(False)
        self.go_on.clicked.connect(self.reject)
        self.reason.textChanged.connect(self._judge)
        self.reason.returnPressed.connect(self.keep.click)
        column = QVBoxLayout(self)
        column.setSpacing(12)
        column.setContentsMargins(18, 16, 18, 16)
        for part in (heading, why):
            column.addWidget(part)
        column.addLayout(_figures(answer, limits))
        column.addWidget(self.reason)
        column.addWidget(buttons)
        self._judge()

    def showEvent(self, event: QShowEvent) -> None:
        """Put the cursor where it is needed."""
        super().showEvent(event)
        self.reason.setFocus()

    def _judge(self) -> None:
        given = bool(self.reason.text().strip())
        self.keep.setEnabled(given)
        self.discard.setEnabled(given)

    def _decide(self, decision: str) -> None:
        reason = self.reason.text().strip() or (self._why if decision == "redone" else "")
        if reason:
            self.accept()
            self.decided.emit(decision, reason)


def _figures(answer: GateAnswer, limits: GateLimits) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(14)
    grid.setVerticalSpacing(8)
    grid.setColumnStretch(2, 1)
    rows = (
        ("Lost samples", f"{answer.loss:.0%}", LimitBar(answer.loss, limits.loss_yellow, limits.loss_red)),
        ("Longest gap", f"{answer.longest_gap_s:.1f} s", LimitBar(answer.longest_gap_s, limits.gap_yellow_s, limits.gap_red_s)),
    )
    limits_text = (f"{limits.loss_yellow:.0%} and {limits.loss_red:.0%}", f"{limits.gap_yellow_s:g} s and {limits.gap_red_s:g} s")
    for row, ((name, value, bar), limit) in enumerate(zip(rows, limits_text, strict=True)):
        bar.setAccessibleName(name)
        number = QLabel(value)
        number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(QLabel(name), row, 0)
        grid.addWidget(number, row, 1)
        grid.addWidget(bar, row, 2)
        grid.addWidget(quiet_label(f"limits {limit}"), row, 3)
    return grid
