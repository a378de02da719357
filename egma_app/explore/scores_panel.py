"""Zero-shot scores as sorted bars, with an honest word on what they are."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from egma_app.widgets.bars import Bar, BarList
from egma_core.inference.prediction import Prediction

HONEST = (
    "How the model divides its preference among these classes, given that one of them fits (softmax of the class scores). "
    "It always adds up to 100\u00a0%, also when none fits: it is not the probability of a disease."
)


class ScoresPanel(QWidget):
    """Bars of one prediction.

    Attributes:
        chosen: Emitted with the class whose bar was chosen.
        bars: The bars.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start without a prediction."""
        super().__init__(parent)
        heading = QLabel("Zero-shot scores", self)
        font = QFont(self.font())
        font.setBold(True)
        heading.setFont(font)
        self.bars = BarList("Zero-shot scores by class", self)
        caption = QLabel(HONEST, self)
        caption.setWordWrap(True)
        caption.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (heading, self.bars, caption):
            layout.addWidget(widget, 1 if widget is self.bars else 0)
        self.bars.chosen.connect(self.chosen)

    def show_prediction(self, prediction: Prediction | None) -> None:
        """Show a prediction's class scores, or none."""
        if prediction is None:
            self.bars.show_bars(())
            return
        rows = zip(prediction.classes, prediction.probabilities.tolist(), prediction.scores.tolist(), strict=True)
        self.bars.show_bars([Bar(name, share, f"Score {score:+.2f}") for name, share, score in rows])
