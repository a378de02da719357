"""The choice of when dictation listens; kept in the settings."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QWidget

from egma_app.settings import Settings

_TITLES = {"push": "While Ctrl+Space says so", "continuous": "All the time"}


class DictationMode(QComboBox):
    """Push-to-talk or continuous. What is chosen is kept at once, and holds from the next session on."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        """Offer what was chosen last time."""
        super().__init__(parent)
        self.setAccessibleName("When dictation listens")
        for mode, title in _TITLES.items():
            self.addItem(title, mode)
        self.setCurrentIndex(self.findData(settings.values.dictation_mode))
        self.currentIndexChanged.connect(lambda _row: settings.update(dictation_mode=str(self.currentData())))
