"""Labels that say something beside what a person works with."""

from __future__ import annotations

from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QLabel


def quiet_label(text: str = "") -> QLabel:
    """A label in the palette's quiet colour that wraps its words."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    return label
