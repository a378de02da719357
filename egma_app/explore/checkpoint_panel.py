"""Which checkpoint answers, and what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from egma_app.explore.checkpoints import title_of

_SCORES = {
    "global": "A sentence's score compares it with the whole film.",
    "fine_grained": "A sentence's score is that of the place that answers best.",
}


class CheckpointPanel(QWidget):
    """The checkpoints used lately, a button for others, and what is known of the one in use.

    Attributes:
        chosen: Emitted with the folder of the checkpoint a person chose.
        folder_wanted: Emitted when the person wants to choose a folder.
    """

    chosen = Signal(Path)
    folder_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start with none."""
        super().__init__(parent)
        heading = QLabel("Checkpoint", self)
        font = QFont(self.font())
        font.setBold(True)
        heading.setFont(font)
        self._recent = QComboBox(self)
        self._recent.setAccessibleName("Checkpoint")
        self._recent.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._recent.setPlaceholderText("none chosen")
        other = QPushButton("Choose…", self)
        other.setToolTip("Choose the folder of a run or of one checkpoint")
        other.clicked.connect(self.folder_wanted)
        self._state = QLabel(self)
        self._state.setWordWrap(True)
        self._state.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        row = QHBoxLayout()
        row.addWidget(self._recent, 1)
        row.addWidget(other)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(heading)
        layout.addLayout(row)
        layout.addWidget(self._state)
        self._recent.activated.connect(lambda index: self.chosen.emit(self._recent.itemData(index)))

    @property
    def state(self) -> str:
        """What is said about the checkpoint in use."""
        return self._state.text()

    def show_recent(self, checkpoints: Sequence[Path], current: Path | None) -> None:
        """List checkpoints, with the one in use chosen."""
        with QSignalBlocker(self._recent):
            self._recent.clear()
            for checkpoint in checkpoints:
                self._recent.addItem(title_of(checkpoint), checkpoint)
                self._recent.setItemData(self._recent.count() - 1, str(checkpoint), Qt.ItemDataRole.ToolTipRole)
            self._recent.setCurrentIndex(-1 if current is None else list(checkpoints).index(current))

    def say(self, text: str) -> None:
        """Say what is going on."""
        self._state.setText(text)

    def describe(self, loaded: Mapping[str, Any]) -> None:
        """Say what a `loaded` event tells of the checkpoint."""
        rows, columns = loaded["grid"]
        self.say(f"Sees {loaded['size_px']} × {loaded['size_px']} px in {rows} × {columns} places. {_SCORES.get(loaded['score'], '')}")
