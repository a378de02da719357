"""What a workspace shows while it has nothing to show: what is missing, and what to do next."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget


class EmptyState(QWidget):
    """A heading, a sentence or two, and a button for the next step where there is one.

    Attributes:
        chosen: Emitted when the button is pressed.
    """

    chosen = Signal()

    def __init__(self, heading: str = "", words: str = "", button: str = "", parent: QWidget | None = None) -> None:
        """Say something from the start, or `say` it later."""
        super().__init__(parent)
        self._heading = QLabel(self)
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 1.4)
        self._heading.setFont(font)
        self._words = QLabel(self)
        self._words.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._button = QPushButton(self)
        self._button.clicked.connect(self.chosen)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addStretch(2)
        for label in (self._heading, self._words):
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            layout.addWidget(label)
        layout.addWidget(self._button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)
        layout.setContentsMargins(40, 20, 40, 20)
        self.say(heading, words, button)

    def say(self, heading: str, words: str, button: str = "") -> None:
        """Say what is missing and what to do; without `button` text there is no button."""
        self._heading.setText(heading)
        self._words.setText(words)
        self._button.setText(button)
        self._button.setVisible(bool(button))

    @property
    def text(self) -> str:
        """What it says now."""
        return f"{self._heading.text()} {self._words.text()}"
