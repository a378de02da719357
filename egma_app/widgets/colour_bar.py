"""A colour bar: which number each colour of a picture stands for, and what the number means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

BAR_HEIGHT = 12


class ColourBar(QWidget):
    """A horizontal strip of colours with the numbers of its ends and middle, and below it what they mean."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start without a scale; nothing is drawn before `set_scale`."""
        super().__init__(parent)
        self._strip = QImage()
        self._ticks: tuple[str, str, str] = ("", "", "")
        self._meaning = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_scale(self, colours: NDArray[np.uint8], ticks: tuple[str, str, str], meaning: str) -> None:
        """Show a scale.

        Args:
            colours: (n, 3) or (n, 4) colours from the low end to the high end.
            ticks: The numbers at the low end, in the middle and at the high end, as text.
            meaning: What the number is, with its unit.
        """
        rgb = np.ascontiguousarray(colours[:, :3], dtype=np.uint8)
        self._strip = QImage(rgb.tobytes(), len(rgb), 1, 3 * len(rgb), QImage.Format.Format_RGB888).copy()
        self._ticks = ticks
        self._meaning = meaning
        self.setAccessibleName(f"Colour scale: {meaning}")
        self.setAccessibleDescription(f"from {ticks[0]} to {ticks[2]}")
        self.setToolTip(f"{meaning}: from {ticks[0]} to {ticks[2]}")
        self.update()

    @property
    def meaning(self) -> str:
        """What the number is."""
        return self._meaning

    @property
    def ticks(self) -> tuple[str, str, str]:
        """The numbers at the low end, in the middle and at the high end."""
        return self._ticks

    def sizeHint(self) -> QSize:
        """Room for the strip and two lines of text."""
        return QSize(180, BAR_HEIGHT + 2 * self.fontMetrics().height() + 6)

    def minimumSizeHint(self) -> QSize:
        """As `sizeHint`: it does not shrink below readable text."""
        return QSize(140, self.sizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the strip, its numbers and their meaning."""
        if self._strip.isNull():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        width, line = self.width(), self.fontMetrics().height()
        strip = QRectF(0.5, 0.5, width - 1, BAR_HEIGHT)
        painter.drawImage(strip, self._strip)
        painter.setPen(self.palette().color(QPalette.ColorRole.Mid))
        painter.drawRect(strip)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        sides = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight)
        for text, side in zip(self._ticks, sides, strict=True):
            painter.drawText(QRectF(0, BAR_HEIGHT + 2, width, line), side, text)
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        meaning = self.fontMetrics().elidedText(self._meaning, Qt.TextElideMode.ElideRight, width)
        painter.drawText(QRectF(0, BAR_HEIGHT + 4 + line, width, line), Qt.AlignmentFlag.AlignLeft, meaning)
        painter.end()
