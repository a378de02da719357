"""`ImageView`: the canvas in a person's hands, with mouse and keys as radiologists know them."""

from __future__ import annotations

import dataclasses
from time import perf_counter_ns

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QCursor, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from egma_app import actions
from egma_app.settings import Preferences
from egma_app.viewer import tools
from egma_app.viewer.canvas import FilmCanvas
from egma_app.viewer.placement import Placement
from egma_app.viewer.spotlight import Spotlight
from egma_core.geometry import Rect

_PLACING = ("pan", "zoom")
_PLACING_ACTIONS = (
    *(f"view.{name}" for name in ("actual", "zoom_in", "zoom_out")),
    *(f"view.pan_{way}" for way in ("left", "right", "up", "down")),
)
_WINDOW_ACTIONS = ("view.invert", "view.window")
_LOWEST_OF_FIT = 0.5  # the film may be shrunk to half of what fits


class ImageView(FilmCanvas):
    """A film to look at and to handle.

    Left drag is the window, middle drag moves, right drag and the wheel zoom (Ctrl and the wheel: frames); the keys are
    the `viewer` rows of `egma_app.actions`.

    Attributes:
        pointer_moved: Emitted with (host_ns, x, y) for every move of the mouse over the view: fractions of the display area.
        actions_by_id: The view's actions, for tool bars.
    """

    pointer_moved = Signal(object)

    def __init__(self, preferences: Preferences | None = None, parent: QWidget | None = None) -> None:
        """Start empty, with the mouse as in `preferences`."""
        super().__init__(parent)
        self.preferences = preferences or Preferences()
        self._drag: tuple[str, QPointF, QPointF] | None = None
        self._forbidden: frozenset[str] = frozenset()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setAccessibleName("Film")
        self.actions_by_id = actions.bind(self, self._slots())

    def allow(self, *, zoom: bool = True, windowing: bool = True) -> None:
        """Let a person zoom and move the film, and change its grey scale, or not."""
        self._forbidden = frozenset((*(() if zoom else _PLACING), *(() if windowing else ("window",))))
        for name, allowed in (*((name, zoom) for name in _PLACING_ACTIONS), *((name, windowing) for name in _WINDOW_ACTIONS)):
            self.actions_by_id[name].setEnabled(allowed)

    # -- what a person does

    def actual_size(self) -> None:
        """Show one image pixel as one native pixel of the screen, about the middle."""
        self.place(dataclasses.replace(self.placement, zoom=1.0))

    def reset(self) -> None:
        """Undo every change of view."""
        if self.film is not None:
            self.film.window, self.film.inverted = None, False
            self.placement = dataclasses.replace(self.placement, quarter_turns=0, mirrored=False)
        self.fit()

    def invert(self) -> None:
        """Swap black and white."""
        if self.film is not None:
            self.film.inverted = not self.film.inverted
            self.refresh()

    def rotate(self, quarter_turns: int = 1) -> None:
        """Turn clockwise by 90° times `quarter_turns`."""
        self.turn(self.placement.turned(quarter_turns))

    def flip(self, *, across: bool) -> None:
        """Mirror left to right if `across`, else top to bottom, as seen on the screen."""
        self.turn(self.placement.flipped(across=across))

    def zoom_by(self, factor: float, about: QPointF | None = None) -> None:
        """Enlarge by a factor about a position inside the view (logical pixels), or about its middle."""
        if self.film is None:
            return
        x, y = self.to_screen(about if about is not None else QPointF(self.width() / 2, self.height() / 2))
        whole = Placement.fitted(self.film.image.columns, self.film.image.rows, self.region, like=self.placement).zoom
        lowest = min(whole * _LOWEST_OF_FIT, self.placement.zoom)
        self.place(self.placement.zoomed(factor, self.region, x, y, lowest=lowest))

    def pan(self, dx: float, dy: float) -> None:
        """Push the film by logical pixels."""
        if self.film is not None:
            ratio = self.devicePixelRatioF()
            self.place(self.placement.moved(dx * ratio, dy * ratio, self.region))

    def step_frame(self, step: int) -> None:
        """Show the frame `step` further on."""
        if self.film is not None:
            self.set_frame(self.film.frame + step)

    def description(self) -> str:
        """One line on how the film is shown, for a status line beside it; "" while there is none."""
        if self.film is None or self.curtain:
            return ""
        image, window = self.film.image, self.film.shown_window
        parts: list[str] = []
        if window is not None:
            own = "file's table" if image.voi_luts else "file's window" if image.windows else "automatic"
            parts.append(f"Centre {window.center:.0f}  Width {window.width:.0f}" + ("" if self.film.window else f" ({own})"))
        parts.append(f"Zoom {self.placement.zoom:.0%}")
        parts += ["inverted"] * self.film.inverted + ["mirrored"] * self.placement.mirrored
        if self.placement.quarter_turns:
            parts.append(f"turned {90 * self.placement.quarter_turns}°")
        if image.frames > 1:
            parts.append(f"frame {self.film.frame + 1} of {image.frames}")
        return "   ·   ".join(parts)

    # -- mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a drag."""
        tool = tools.drag_tool(event.button(), self.preferences)
        if tool and tool not in self._forbidden and self._drag is None and self.film is not None and not self.curtain:
            self._drag = tool, event.position(), event.position()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the drag when the last button is up."""
        if event.buttons() == Qt.MouseButton.NoButton:
            self._drag = None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Report the pointer, and go on with a drag."""
        host_ns = perf_counter_ns()
        self.pointer_moved.emit((host_ns, *self.display_fraction(event.globalPosition())))
        self._aim(event.position())
        if self._drag is None:
            return
        tool, start, last = self._drag
        now = event.position()
        self._drag = tool, start, now
        self._drag_by(tool, start, now - last, event.modifiers())

    def leaveEvent(self, event: QEvent) -> None:
        """Put the spotlight out: the pointer is nowhere on the film."""
        super().leaveEvent(event)
        self._aim(None)

    def set_spotlight(self, spotlight: Spotlight | None) -> None:
        """Blur the film but around the pointer, or show all of it sharp."""
        super().set_spotlight(spotlight)
        self._aim(self.mapFromGlobal(QPointF(QCursor.pos())) if self.underMouse() else None)

    def _aim(self, position: QPointF | None) -> None:
        """Take the spotlight along to a position inside the view, or put it out; only what changes is painted again."""
        if self.spotlight is None:
            return
        before = self.spotlight.rect
        self.spotlight.center = self.to_screen(position) if position is not None else None
        for rect in (before, self.spotlight.rect):
            if rect is not None:
                self.update(self._in_view(rect))

    def _in_view(self, rect: Rect) -> QRect:
        """A rectangle of the screen in logical pixels of the view, not smaller."""
        region, ratio = self.region, self.devicePixelRatioF()
        left, top = (rect.left - region.left) / ratio, (rect.top - region.top) / ratio
        return QRectF(left, top, rect.width / ratio, rect.height / ratio).toAlignedRect().adjusted(-1, -1, 1, 1)

    def display_fraction(self, position: QPointF) -> tuple[float, float]:
        """A global position (logical pixels of all monitors) as fractions of this view's monitor."""
        area = self.screen().geometry()
        place = position - QPointF(area.topLeft())
        return place.x() / area.width(), place.y() / area.height()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the pointer; with Ctrl, go through the frames."""
        angle = event.angleDelta().y()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.step_frame((angle < 0) - (angle > 0))
        elif not self.curtain and "zoom" not in self._forbidden:
            self.zoom_by(tools.wheel_zoom(angle), event.position())
        event.accept()

    def _drag_by(self, tool: str, start: QPointF, step: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        if self.film is None:
            return
        if tool == "pan":
            self.pan(step.x(), step.y())
        elif tool == "zoom":
            self.zoom_by(tools.drag_zoom(step.y()), start)
        elif (window := self.film.shown_window) is not None:
            self.set_window(tools.drag_window(window, step.x(), step.y(), self.film.value_range, modifiers))

    # -- keys

    def _slots(self) -> dict[str, actions.Slot]:
        return {
            "view.fit": self.fit,
            "view.actual": self.actual_size,
            "view.zoom_in": lambda: self.zoom_by(tools.KEY_STEP),
            "view.zoom_out": lambda: self.zoom_by(1 / tools.KEY_STEP),
            "view.invert": self.invert,
            "view.window": lambda: self.set_window(None),
            "view.reset": self.reset,
            "view.rotate": lambda: self.rotate(1),
            "view.rotate_back": lambda: self.rotate(-1),
            "view.flip_across": lambda: self.flip(across=True),
            "view.flip_down": lambda: self.flip(across=False),
            "view.pan_left": lambda: self._look(1, 0),
            "view.pan_right": lambda: self._look(-1, 0),
            "view.pan_up": lambda: self._look(0, 1),
            "view.pan_down": lambda: self._look(0, -1),
            "view.next_frame": lambda: self.step_frame(1),
            "view.previous_frame": lambda: self.step_frame(-1),
        }

    def _look(self, dx: int, dy: int) -> None:
        step = tools.PAN_STEP * min(self.width(), self.height())
        self.pan(dx * step, dy * step)
