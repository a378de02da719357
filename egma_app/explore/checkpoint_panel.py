"""Which checkpoint answers, and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from egma_app.explore.checkpoints import recent, remember, resolve, title_of
from egma_app.settings import Settings
from egma_core.errors import CheckpointError

LOADING = "Loading: torch takes some seconds…"

_SCORES = {
    "global": "A sentence's score compares it with the whole film.",
    "fine_grained": "A sentence's score is that of the place that answers best.",
}


class CheckpointPanel(QWidget):
    """The checkpoints used lately, a button for others, and what is known of the one in use.

    Attributes:
        current: The checkpoint in use, or None.
        chosen: Emitted with the checkpoint that is in use from now on.
        failed: Emitted with what was wrong with a chosen folder.
    """

    chosen = Signal(Path)
    failed = Signal(object)

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        """Start with none in use; the ones used lately are in the settings."""
        super().__init__(parent)
        self.current: Path | None = None
        self._settings = settings
        heading = QLabel("Checkpoint", self)
        font = QFont(self.font())
        font.setBold(True)
        heading.setFont(font)
        self._recent = QComboBox(self)
        self._recent.setAccessibleName("Checkpoint")
        self._recent.setToolTip("Checkpoints used lately")
        self._recent.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._recent.setPlaceholderText("none chosen")
        other = QPushButton("Choose…", self)
        other.setToolTip("Choose the folder of a run or of one checkpoint")
        other.clicked.connect(self.browse)
        self._state = QLabel(self)
        self._state.setWordWrap(True)
        self._state.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        row = QHBoxLayout()
        row.addWidget(heading, 1)
        row.addWidget(other)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self._recent)
        layout.addWidget(self._state)
        self._recent.activated.connect(lambda index: self.use(self._recent.itemData(index)))
        self.refresh()

    @property
    def state(self) -> str:
        """What is said about the checkpoint in use."""
        return self._state.text()

    def refresh(self) -> None:
        """List the checkpoints used lately again: some may have been added or removed."""
        known = recent(self._settings)
        with QSignalBlocker(self._recent):
            self._recent.clear()
            for checkpoint in known:
                self._recent.addItem(title_of(checkpoint), checkpoint)
                self._recent.setItemData(self._recent.count() - 1, str(checkpoint), Qt.ItemDataRole.ToolTipRole)
            self._recent.setCurrentIndex(known.index(self.current) if self.current in known else -1)

    def use_last(self) -> None:
        """Use the checkpoint in use again, or else the one used last."""
        known = recent(self._settings)
        wanted = self.current or (known[0] if known else None)
        if wanted is not None:
            self.use(wanted)

    def use(self, folder: Path) -> None:
        """Use the checkpoint of a folder: the folder itself, or a run's best."""
        try:
            self.current = resolve(folder)
        except CheckpointError as error:
            self.refresh()
            self.failed.emit(error)
            return
        remember(self._settings, self.current)
        self.refresh()
        self.say(LOADING)
        self.chosen.emit(self.current)

    def browse(self) -> None:
        """Ask for a folder."""
        start = str(self.current.parent if self.current is not None else Path.home())
        folder = QFileDialog.getExistingDirectory(self, "Choose a run or a checkpoint", start)
        if folder:
            self.use(Path(folder))

    def say(self, text: str) -> None:
        """Say what is going on."""
        self._state.setText(text)

    def describe(self, loaded: Mapping[str, Any]) -> None:
        """Say what a `loaded` event tells of the checkpoint."""
        rows, columns = loaded["grid"]
        n = loaded.get("reference_films", 0)
        relative = f" Scores are relative to their mean over {n} validation films of its run." if n else ""
        self.say(
            f"Sees {loaded['size_px']} × {loaded['size_px']} px in {rows} × {columns} places. {_SCORES.get(loaded['score'], '')}{relative}"
        )
