"""The middle of the Explore workspace: film and similarity beside film and gaze, with scores and sentences below."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSplitter, QStackedWidget, QWidget

from egma_app.explore.gaze_panel import GazePanel
from egma_app.explore.scores_panel import ScoresPanel
from egma_app.explore.similarity_panel import SimilarityPanel
from egma_app.settings import Preferences
from egma_app.widgets.empty import EmptyState


class Stage(QStackedWidget):
    """Shows the panels of the film, or what is missing.

    Attributes:
        similarity: The film with the model's similarity.
        gaze: The film with the reader's gaze.
        scores: The zero-shot scores.
        next_wanted: Emitted when the person presses the button for the next step.
    """

    next_wanted = Signal()

    def __init__(self, preferences: Preferences, parent: QWidget | None = None) -> None:
        """Start with nothing to say."""
        super().__init__(parent)
        self.similarity = SimilarityPanel(preferences, self)
        self.gaze = GazePanel(preferences, self)
        self.scores = ScoresPanel(self)
        self._missing = EmptyState(parent=self)
        self._missing.chosen.connect(self.next_wanted)
        upper = split(Qt.Orientation.Horizontal, [self.similarity, self.gaze], [500, 500])
        lower = split(Qt.Orientation.Horizontal, [self.scores, self.gaze.words], [500, 500])
        self._panels = split(Qt.Orientation.Vertical, [upper, lower], [620, 320])
        self.addWidget(self._missing)
        self.addWidget(self._panels)

    def show_panels(self) -> None:
        """Show the panels."""
        self.setCurrentWidget(self._panels)

    def say(self, heading: str, words: str, button: str) -> None:
        """Say what is missing, and offer the next step."""
        self._missing.say(heading, words, button)
        self.setCurrentWidget(self._missing)


def split(direction: Qt.Orientation, widgets: list[QWidget], sizes: list[int]) -> QSplitter:
    """Widgets side by side or one above the other, with edges to drag."""
    splitter = QSplitter(direction)
    for place, (widget, size) in enumerate(zip(widgets, sizes, strict=True)):
        splitter.addWidget(widget)
        splitter.setStretchFactor(place, size)
    splitter.setSizes(sizes)
    splitter.setChildrenCollapsible(False)
    splitter.setHandleWidth(10)
    return splitter
