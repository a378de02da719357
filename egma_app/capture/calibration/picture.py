"""A picture of a validation: the screen with its targets, where each eye looked, and by how much it missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from egma_app.capture.calibration.attempt import Point
from egma_app.capture.calibration.stage import GROUND
from egma_app.widgets.tints import ACCENT
from egma_core.geometry import Screen

_EYES = {"left": QColor("#7fb2ff"), "right": QColor("#f0a35e")}
_EDGE = QColor("#4a525a")
_RING = QColor("#98a1aa")
_WORDS = QColor("#98a1aa")
_LEGEND = 30


class LookPicture(QWidget):
    """Targets with a ring of one degree, the left eye's samples as dots and the right eye's as squares.

    Attributes:
        chosen: Emitted with the index of the target that was clicked.
    """

    chosen = Signal(int)

    def __init__(self, screen: Screen, parent: QWidget | None = None, *, around_deg: float | None = None) -> None:
        """Show a screen without targets.

        Args:
            screen: The screen.
            parent: Where it lies.
            around_deg: Show only so much to each side of the first target, more where samples lie farther off; None shows
                the whole screen.
        """
        super().__init__(parent)
        self._screen = screen
        self._around_deg = around_deg
        self._shown = QRectF(0.0, 0.0, 1.0, 1.0)
        self._looks: Sequence[Mapping[str, Any]] = ()
        self._marked: int | None = None
        self.setMinimumSize(360, 240)
        self.setAccessibleName("Picture of the validation")

    def show_looks(self, looks: Sequence[Mapping[str, Any]], marked: int | None) -> None:
        """Show targets with their samples; one of them may be marked."""
        self._looks, self._marked = looks, marked
        if looks and self._around_deg is not None:
            self._shown = self._around(looks[0], self._around_deg * self._screen.px_per_deg())
        self.update()

    def place(self, point: Point | Sequence[float]) -> QPointF:
        """Where a place of the display lies in the picture."""
        area, shown = self._area(), self._shown
        across, down = (point[0] - shown.left()) / shown.width(), (point[1] - shown.top()) / shown.height()
        return QPointF(area.left() + across * area.width(), area.top() + down * area.height())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the target under the pointer."""
        near = [(QPointF(self.place(look["point"]) - event.position()).manhattanLength(), n) for n, look in enumerate(self._looks)]
        if near and min(near)[0] < 2 * self._degree() + 12:
            self.chosen.emit(min(near)[1])

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the screen, the looks and the legend."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(_EDGE, 1))
        painter.setBrush(GROUND.darker(140))
        painter.drawRect(self._area())
        painter.setClipRect(self._area())
        for number, look in enumerate(self._looks):
            self._draw_target(painter, look["point"], marked=number == self._marked)
            for side, colour in _EYES.items():
                self._draw_eye(painter, look["point"], look[side], side, colour)
        painter.setClipping(False)
        self._draw_legend(painter)
        painter.end()

    def _area(self) -> QRectF:
        """What is shown of the screen, at its own shape, at the upper edge."""
        room = QRectF(self.rect()).adjusted(1, 1, -1, -1 - _LEGEND)
        shape = self._shown.width() * self._screen.width_mm / (self._shown.height() * self._screen.height_mm)
        width = min(room.width(), room.height() * shape)
        return QRectF(room.left() + (room.width() - width) / 2, room.top(), width, width / shape)

    def _around(self, look: Mapping[str, Any], reach_px: float) -> QRectF:
        """The part of the display around a target, so large that every sample lies in it."""
        x, y = look["point"]
        offsets = [
            max(abs(sample[0] - x) * self._screen.width_px, abs(sample[1] - y) * self._screen.height_px)
            for side in _EYES
            for sample in look[side]
            if sample[0] is not None and sample[1] is not None
        ]
        reach = max([reach_px, *(1.2 * offset for offset in offsets)])
        across, down = reach / self._screen.width_px, reach / self._screen.height_px
        return QRectF(x - across, y - down, 2 * across, 2 * down)

    def _degree(self) -> float:
        return self._screen.px_per_deg() * self._area().width() / (self._screen.width_px * self._shown.width())

    def _draw_target(self, painter: QPainter, point: Sequence[float], *, marked: bool) -> None:
        centre, radius = self.place(point), self._degree()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(ACCENT) if marked else _RING, 2 if marked else 1))
        painter.drawEllipse(centre, radius, radius)
        painter.setPen(QPen(_RING, 1))
        painter.drawLine(centre - QPointF(5, 0), centre + QPointF(5, 0))
        painter.drawLine(centre - QPointF(0, 5), centre + QPointF(0, 5))

    def _draw_eye(
        self, painter: QPainter, point: Sequence[float], samples: Sequence[Sequence[float | None]], side: str, colour: QColor
    ) -> None:
        places = [self.place((xy[0], xy[1])) for xy in samples if xy[0] is not None and xy[1] is not None]
        if not places:
            return
        middle = QPointF(*np.mean([(place.x(), place.y()) for place in places], axis=0).tolist())
        painter.setPen(QPen(colour, 1.5))
        painter.drawLine(self.place(point), middle)
        painter.setPen(Qt.PenStyle.NoPen)
        faint = QColor(colour)
        faint.setAlpha(130)
        painter.setBrush(faint)
        for place in places:
            _draw_mark(painter, place, side, 1.8)
        painter.setBrush(colour)
        painter.setPen(QPen(GROUND, 1))
        _draw_mark(painter, middle, side, 4.0)

    def _draw_legend(self, painter: QPainter) -> None:
        """Under the picture: which mark is whose."""
        area = self._area()
        y, x = area.bottom() + _LEGEND / 2 + 2, area.left() + 6
        for side, colour in _EYES.items():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            _draw_mark(painter, QPointF(x, y), side, 4.0)
            x = self._draw_words(painter, x + 12, y, f"{side} eye")
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(_RING, 1))
        painter.drawEllipse(QPointF(x, y), 6, 6)
        self._draw_words(painter, x + 14, y, "1° around the target")

    @staticmethod
    def _draw_words(painter: QPainter, x: float, y: float, words: str) -> float:
        """Words beside a mark; where the next one may begin."""
        painter.setPen(_WORDS)
        metrics = painter.fontMetrics()
        painter.drawText(QPointF(x, y + metrics.ascent() / 2 - 1), words)
        return x + metrics.horizontalAdvance(words) + 28


def _draw_mark(painter: QPainter, centre: QPointF, side: str, radius: float) -> None:
    if side == "left":
        painter.drawEllipse(centre, radius, radius)
    else:
        painter.drawRect(QRectF(centre.x() - radius, centre.y() - radius, 2 * radius, 2 * radius))
