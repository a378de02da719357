"""The whole monitor as a stage: a target that goes to its place, rests and shrinks, to the very pixel that is meant.

The target is a disc with a cross cut out of it and a dot in the middle, the shape on which fixation is steadiest (Thaler et al.
2013, Vision Research 76). Places are fractions of the display; everything is drawn in the monitor's native pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter_ns

from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QWidget

from egma_app.capture.calibration.attempt import MIDDLE, Point
from egma_app.capture.monitor import native_size
from egma_app.capture.sitting import Setup

GROUND = QColor("#23272b")
_DISC = QColor("#d5dbe1")
_WORDS = QColor("#98a1aa")
_RESTING_DEG, _MOVING_DEG, _DOT_DEG = 0.6, 1.4, 0.16
_FRAME_MS = 8


@dataclass(frozen=True)
class Pace:
    """How fast a target moves.

    Attributes:
        move_ms: From one place to the next.
        rest_ms: From there until gaze is taken, while the target shrinks.
        by_person: Whether it waits for a person's key at each place.
    """

    move_ms: int = 600
    rest_ms: int = 500
    by_person: bool = False


class TargetStage(QWidget):
    """Shows one target at a time.

    Attributes:
        arrived: Emitted when the target has come to rest and the reader may be taken to look at it.
        place: Where the target is now, or None.
        size_deg: How large it is now.
        hint: Words at the lower edge, or "".
    """

    arrived = Signal()

    def __init__(self, px_per_deg: float, pace: Pace, parent: QWidget | None = None) -> None:
        """Show nothing yet; a degree has `px_per_deg` native pixels."""
        super().__init__(parent)
        self._px_per_deg = px_per_deg
        self.pace = pace
        self.place: Point | None = None
        self.size_deg = _MOVING_DEG
        self.hint = ""
        self._from: Point = MIDDLE
        self._to: Point = MIDDLE
        self._begun_ns = 0
        self._waits = self._told = False
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._move)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setCursor(Qt.CursorShape.BlankCursor)

    def go_to(self, point: Point) -> None:
        """Send the target to a place, from where it is."""
        self._from, self._to = self.place or MIDDLE, point
        self.place = self._from
        self._begun_ns = perf_counter_ns()
        self._waits, self._told = self.pace.by_person, False
        self._timer.start()

    def go_on(self) -> None:
        """A person says that the reader looks at the target now; without effect while it moves."""
        if self._waits and self.place == self._to:
            self._waits = False
            self._begun_ns = perf_counter_ns() - self.pace.move_ms * 1_000_000
            self._timer.start()

    def clear(self) -> None:
        """Take the target away."""
        self._timer.stop()
        self.place = None
        self.update()

    def _move(self) -> None:
        """One frame of the way: move with a soft start and end, then rest and shrink."""
        passed_ms = (perf_counter_ns() - self._begun_ns) / 1e6
        share = min(passed_ms / self.pace.move_ms, 1.0) if self.pace.move_ms else 1.0
        eased = share * share * (3.0 - 2.0 * share)
        self.place = self._to if share == 1.0 else _between(self._from, self._to, eased)
        resting_ms = max(passed_ms - self.pace.move_ms, 0.0)
        if share < 1.0 or self._waits:
            self.size_deg = _MOVING_DEG
            if share == 1.0:
                self._timer.stop()
        else:
            shrunk = min(resting_ms / self.pace.rest_ms, 1.0) if self.pace.rest_ms else 1.0
            self.size_deg = _MOVING_DEG + (_RESTING_DEG - _MOVING_DEG) * shrunk
            if shrunk == 1.0 and not self._told:
                self._told = True
                self._timer.stop()
                self.arrived.emit()
        self.update()

    def native_centre(self, point: Point) -> QPointF:
        """Where a place of the display lies in this widget, in native pixels from its upper left corner."""
        screen = self.screen()
        ratio, pixels = screen.devicePixelRatio(), native_size(screen)
        corner = self.mapToGlobal(QPointF(0, 0)) - QPointF(screen.geometry().topLeft())
        return QPointF(point[0] * pixels.width() - corner.x() * ratio, point[1] * pixels.height() - corner.y() * ratio)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the ground, the target and the hint."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), GROUND)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.hint:
            painter.setPen(_WORDS)
            painter.drawText(
                self.rect().adjusted(20, 20, -20, -28), Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom, self.hint
            )
        if self.place is not None:
            ratio = self.screen().devicePixelRatio()
            painter.scale(1.0 / ratio, 1.0 / ratio)
            draw_target(painter, self.native_centre(self.place), self.size_deg * self._px_per_deg, _DOT_DEG * self._px_per_deg)
        painter.end()


def draw_target(painter: QPainter, centre: QPointF, across_px: float, dot_px: float) -> None:
    """Draw a target: a disc, a cross in the colour of the ground, a dot."""
    radius, dot = across_px / 2, max(dot_px, 3.0) / 2
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_DISC)
    painter.drawEllipse(centre, radius, radius)
    painter.setPen(QPen(GROUND, 2 * dot, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
    painter.drawLine(centre - QPointF(radius + 1, 0), centre + QPointF(radius + 1, 0))
    painter.drawLine(centre - QPointF(0, radius + 1), centre + QPointF(0, radius + 1))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_DISC)
    painter.drawEllipse(QRectF(centre.x() - dot, centre.y() - dot, 2 * dot, 2 * dot))


class FullScreen(QWidget):
    """A dark window that fills the monitor its parent is on."""

    def __init__(self, parent: QWidget | None) -> None:
        """Make the window; `fill_monitor` shows it."""
        super().__init__(parent, Qt.WindowType.Window | Qt.WindowType.FramelessWindowHint)
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, GROUND)
        self.setPalette(palette)
        self.setAutoFillBackground(True)
        self.setWindowModality(Qt.WindowModality.ApplicationModal)

    def fill_monitor(self) -> None:
        """Show the window over the whole of the monitor that its parent is on."""
        parent = self.parentWidget()
        screen = parent.screen() if parent is not None else self.screen()
        self.setScreen(screen)
        self.setGeometry(screen.geometry())
        self.showFullScreen()
        self.raise_()
        self.activateWindow()

    def refusal(self, setup: Setup) -> tuple[str, str] | None:
        """Why nobody can be set up here, and what to do about it; None where it is the monitor that the tracker is on."""
        if not setup.is_gaze:
            return (
                "The mouse stands in for the eyes: there is nothing to calibrate.",
                "Choose an eye tracker for the session to calibrate one.",
            )
        pixels, wanted = native_size(self.screen()), setup.screen
        if (pixels.width(), pixels.height()) == (wanted.width_px, wanted.height_px):
            return None
        here, there = f"{pixels.width()} × {pixels.height()}", f"{wanted.width_px} × {wanted.height_px}"
        return (
            f"This monitor has {here} pixels, the one that was set up {there}.",
            "Move the window to the monitor that the tracker is on, or set up the session again.",
        )


def _between(one: Point, other: Point, share: float) -> Point:
    return one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share
