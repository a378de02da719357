"""Where the reader sits: both eyes as in a mirror, in the box that the tracker sees, and how far away they are."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from egma_app.widgets.tints import WARNING

_GOOD = QColor("#5ecfa6")
_QUIET = QColor("#98a1aa")
_EDGE = QColor("#4a525a")
_INSIDE = (0.25, 0.75)  # this much of the box is comfortable
_DEEP = (0.3, 0.7)
_NEAR = 0.12  # of the wanted distance
_EYE = 0.05
_BOX = 4 / 3


class EyeBox(QWidget):
    """The box with the eyes in it.

    Attributes:
        words: What the reader should do, or that it is right.
        good: Whether the reader sits well.
    """

    def __init__(self, distance_mm: float, *, guided: bool, parent: QWidget | None = None) -> None:
        """Show an empty box; `distance_mm` is where the eyes should be."""
        super().__init__(parent)
        self._distance_mm = distance_mm
        self._guided = guided
        self._eyes: dict[str, Sequence[float | None] | None] = {"left": None, "right": None}
        self._heard = False
        self.setMinimumSize(400, 260)
        self.setAccessibleName("Position of the eyes")

    def sizeHint(self) -> QSize:
        """As large as it is easily read; a small or much enlarged screen gets less."""
        return QSize(560, 440)

    def show_position(self, event: Mapping[str, Any]) -> None:
        """Take what the tracker tells: [x, y, z, distance in mm] of each eye, x as in a mirror."""
        self._heard = True
        self._eyes = {side: event[side] for side in ("left", "right")}
        self.setAccessibleDescription(self.words)
        self.update()

    @property
    def seen_mm(self) -> float | None:
        """How far the eyes are from the screen, as far as the tracker says."""
        known = [eye[3] for eye in self._eyes.values() if eye is not None and eye[3] is not None]
        return statistics.fmean(known) if known else None

    @property
    def good(self) -> bool:
        """Whether both eyes are seen, well inside the box and at the right distance."""
        return self._heard and not self._advice()

    @property
    def words(self) -> str:
        """What to do, in words."""
        if not self._guided:
            return "This tracker does not tell where the eyes are. Sit as its maker says."
        return self._advice() or "You sit well."

    def _advice(self) -> str:
        eyes = [eye for eye in self._eyes.values() if eye is not None]
        if not self._heard:
            return "Waiting for the tracker…"
        if not eyes:
            return "The tracker does not see your eyes. Move until they appear."
        if len(eyes) == 1:
            return f"The tracker sees only the {'left' if self._eyes['left'] is not None else 'right'} eye."
        x, y, z = (_mean([eye[axis] for eye in eyes]) for axis in range(3))
        return self._distance_advice(z) or _sideways(x, y)

    def _distance_advice(self, z: float | None) -> str:
        """By mm where the tracker says them, else by where the eyes are in its box."""
        seen = self.seen_mm
        if seen is not None:
            near, far = seen < self._distance_mm * (1 - _NEAR), seen > self._distance_mm * (1 + _NEAR)
        else:
            near, far = z is not None and z < _DEEP[0], z is not None and z > _DEEP[1]
        return "Move a little back." if near else "Move a little closer." if far else ""

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the box, the eyes and the words."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = _GOOD if self.good else QColor(WARNING) if self._heard else _QUIET
        width = min(self.width() - 40.0, (self.height() - 120.0) * _BOX)
        box = QRectF((self.width() - width) / 2, 10, width, width / _BOX)
        painter.setPen(QPen(colour if self.good else _EDGE, 2))
        painter.drawRoundedRect(box, 14, 14)
        comfortable = box.adjusted(
            *(side * size * _INSIDE[0] for side, size in zip((1, 1, -1, -1), (box.width(), box.height()) * 2, strict=True))
        )
        painter.setPen(QPen(_EDGE, 1, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(comfortable, 10, 10)
        for eye in self._eyes.values():
            if eye is not None:
                self._draw_eye(painter, box, eye, colour)
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 1.5)
        painter.setFont(font)
        painter.setPen(colour)
        line = painter.fontMetrics().height()
        words = QRectF(0, box.bottom() + 16, self.width(), line * 1.3)
        painter.drawText(words, Qt.AlignmentFlag.AlignCenter, self.words)
        painter.setFont(self.font())
        painter.setPen(_QUIET)
        painter.drawText(words.translated(0, line * 1.3), Qt.AlignmentFlag.AlignCenter, self._distance_words())
        painter.end()

    def _distance_words(self) -> str:
        seen = self.seen_mm
        if not self._guided:
            return ""
        wanted = f"wanted: {self._distance_mm / 10:.0f} cm"
        return wanted.capitalize() if seen is None else f"{seen / 10:.0f} cm from the screen, {wanted}"

    def _draw_eye(self, painter: QPainter, box: QRectF, eye: Sequence[float | None], colour: QColor) -> None:
        """A nearer eye is drawn larger."""
        x, y, z = eye[0], eye[1], eye[2]
        if x is None or y is None:
            return
        radius = box.width() * _EYE * (1.4 - 0.8 * (0.5 if z is None else min(max(z, 0.0), 1.0)))
        centre = QPointF(box.left() + min(max(x, 0.0), 1.0) * box.width(), box.top() + min(max(y, 0.0), 1.0) * box.height())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor("#d5dbe1"))
        painter.drawEllipse(centre, radius, radius * 0.72)
        painter.setBrush(colour.darker(150))
        painter.drawEllipse(centre, radius * 0.42, radius * 0.42)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _sideways(x: float | None, y: float | None) -> str:
    if x is not None and not _INSIDE[0] <= x <= _INSIDE[1]:
        return "Move a little to the right." if x < 0.5 else "Move a little to the left."
    if y is not None and not _INSIDE[0] <= y <= _INSIDE[1]:
        return "Sit a little lower." if y < 0.5 else "Sit a little higher."
    return ""
