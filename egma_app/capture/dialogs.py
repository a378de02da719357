"""What capture asks before something is given up: a reading in progress, or all of it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QMessageBox, QVBoxLayout, QWidget


def confirm_stop(parent: QWidget) -> bool:
    """Ask whether the window may close over a reading that is being recorded."""
    box = QMessageBox(QMessageBox.Icon.Question, "EGMA", "A reading is being recorded.", parent=parent)
    box.setInformativeText("If you stop now, what was recorded so far is kept and marked as aborted.")
    go_on = box.addButton("Go on reading", QMessageBox.ButtonRole.RejectRole)
    stop = box.addButton("Stop and close", QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(go_on)
    box.exec()
    return box.clickedButton() is stop


class DiscardDialog(QDialog):
    """Asks why a reading is thrown away.

    Attributes:
        decided: Emitted with the reason.
    """

    decided = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Ask."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Discard this reading")
        self.reason = QLineEdit()
        self.reason.setPlaceholderText("Interrupted, wrong study, tracker lost the eyes, …")
        self.reason.setMinimumWidth(380)
        self.reason.setMaxLength(500)
        buttons = QDialogButtonBox()
        self._discard = buttons.addButton("Discard", QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton("Go on reading", QDialogButtonBox.ButtonRole.RejectRole)
        self._discard.setDefault(True)
        self._discard.setEnabled(False)
        self.reason.textChanged.connect(lambda text: self._discard.setEnabled(bool(text.strip())))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(QLabel("What was recorded stays in the library, marked as discarded. Why?"))
        column.addWidget(self.reason)
        column.addWidget(buttons)

    def accept(self) -> None:
        """Go on with the reason, if there is one."""
        if self.reason.text().strip():
            super().accept()
            self.decided.emit(self.reason.text().strip())
