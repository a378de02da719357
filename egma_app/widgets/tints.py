"""The few colours that carry meaning beside the palette, and how a label takes one on."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QWidget

ACCENT = "#7fb2ff"
"""Something of the reader's or user's own: changed from default, chosen."""

WARNING = "#e8b45a"
"""Something to look at before going on; always beside words, never alone."""

CURVES = ("#7fb2ff", "#f0a35e", "#5ecfa6", "#e58bc0", "#d9cf6b", "#9aa4b2")
"""Colours of curves on a dark ground, apart in lightness too; each also gets its own line style."""


def tint(widget: QWidget, colour: str) -> None:
    """Write a widget's text in a colour."""
    palette = widget.palette()
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(role, QColor(colour))
    widget.setPalette(palette)
