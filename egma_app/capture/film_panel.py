"""The film with its edges: what it is above, how it is shown and the line for sentences below; nothing lies over it."""

from __future__ import annotations

from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from egma_app.capture.sentence_line import SentenceLine
from egma_app.settings import Preferences
from egma_app.viewer.image_view import ImageView


class FilmPanel(QWidget):
    """A view and the words around it.

    Attributes:
        view: The film.
        line: The line for sentences.
    """

    def __init__(self, preferences: Preferences, parent: QWidget | None = None) -> None:
        """Start without a film."""
        super().__init__(parent)
        self.view = ImageView(preferences)
        self.line = SentenceLine()
        self._title, self._shown_as = QLabel(), QLabel()
        for label in (self._title, self._shown_as):
            label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget, stretch in ((self._title, 0), (self.view, 1), (self._shown_as, 0), (self.line, 0)):
            column.addWidget(widget, stretch)

    def say(self, title: str, remark: str) -> None:
        """Say what the film is, and beside how it is shown something else, if there is a film to say it of."""
        shown_as = self.view.description()
        self._title.setText(title)
        self._shown_as.setText("   ·   ".join(part for part in (shown_as, remark if shown_as else "") if part))
