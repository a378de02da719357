"""`FilmCanvas`: a film on the screen, and an exact account of what was shown where at every moment."""

from __future__ import annotations

import dataclasses
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QHideEvent, QPainter, QPaintEvent, QResizeEvent, QShowEvent, QTransform
from PySide6.QtWidgets import QWidget

from egma_app.viewer.film import Film
from egma_app.viewer.layers import Layer
from egma_app.viewer.placement import Placement
from egma_app.viewer.spotlight import Spotlight
from egma_core.dicom.image import DicomImage, Window
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Transform

_BLACK = QColor(0, 0, 0)
_CAPTION = QColor(122, 130, 140)
_FOCUS = QColor(52, 74, 92)
_ALL = Transform("image", "screen", 1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


class FilmCanvas(QWidget):
    """Shows one film: pure black around it, and nothing over it but the layers asked for.

    Positions on the screen are native pixels of the window's monitor, from its top left.

    Attributes:
        painted: Emitted with the `Viewport` of every painted frame that differs from the one before, at the moment of
            painting; its `instance_uid` is "" while no film can be seen.
        changed: Emitted when the window, zoom, frame or film has changed.
        film: The film shown, or None.
        placement: How it lies in the view.
        spotlight: What keeps the film blurred but for one place, or None.
    """

    painted = Signal(object)
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self.film: Film | None = None
        self.placement = Placement(0.0, 0.0, 1.0)
        self.spotlight: Spotlight | None = None
        self._fitted = True
        self._layers: dict[str, Layer] = {}
        self._curtain = False
        self._caption = ""
        self._covered = False
        self._blocked = False
        self._last: Viewport | None = None
        self._top_level: QWidget | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(160, 120)

    # -- what is shown

    @property
    def image(self) -> DicomImage | None:
        """The film shown, or None."""
        return self.film.image if self.film else None

    def set_image(self, image: DicomImage | None, frame: int = 0) -> None:
        """Show a film with its own window, whole and upright, or nothing; layers are taken away."""
        self._layers.clear()
        self.film = Film(image, frame) if image is not None else None
        self.placement = Placement.upright(image.pixel_aspect if image is not None else 1.0)
        self.fit()

    def set_frame(self, frame: int) -> None:
        """Show another frame of the film, counted from 0, at the same place and with the same window."""
        if self.film is None or not 0 <= frame < self.film.image.frames or frame == self.film.frame:
            return
        before, self.film = self.film, Film(self.film.image, frame)
        self.film.window, self.film.inverted = before.window, before.inverted
        self.refresh()

    @property
    def curtain(self) -> bool:
        """Whether the curtain is drawn."""
        return self._curtain

    @property
    def caption(self) -> str:
        """What the curtain says; "" while it is open."""
        return self._caption if self._curtain else ""

    def set_curtain(self, drawn: bool, caption: str = "") -> None:
        """Draw a black curtain with a quiet caption over the film, or open it; the log says which."""
        if (drawn, caption) != (self._curtain, self._caption):
            self._curtain, self._caption = drawn, caption
            self.refresh()

    def set_covered(self, covered: bool) -> None:
        """Say that something lies over the film, such as a menu: the log holds no film until it is gone."""
        self._covered = covered
        self._show_or_log()

    def set_overlay(self, name: str, rgba: NDArray[np.uint8] | None, *, extent: Rect | None = None, opacity: float = 1.0) -> None:
        """Lay a picture over the film, replace the one of that name in place, or take it away.

        Args:
            name: Which layer; later names lie above earlier ones.
            rgba: (rows, columns, 4) picture with transparency, of any resolution, or None to take it away.
            extent: The rectangle it covers, in image pixels; the whole film by default.
            opacity: 0 to 1.
        """
        if rgba is None or self.image is None:
            self._layers.pop(name, None)
        else:
            self._layers[name] = Layer(rgba, extent or Rect(0.0, 0.0, self.image.columns, self.image.rows), opacity)
        self.update()

    def set_opacity(self, name: str, opacity: float) -> None:
        """Make a layer fainter or stronger, 0 to 1; without effect where there is no such layer."""
        if name in self._layers:
            self._layers[name].opacity = opacity
            self.update()

    def set_window(self, window: Window | None) -> None:
        """Use a window in modality units, or None for the file's own; without effect on a film in colours."""
        if self.film is not None and not self.film.image.is_colour:
            self.film.window = window
            self.refresh()

    def set_spotlight(self, spotlight: Spotlight | None) -> None:
        """Blur the film but for one place, which follows the pointer in an `ImageView`, or show all of it sharp. Not logged here."""
        self.spotlight = spotlight
        self.update()

    # -- where it is shown

    @property
    def region(self) -> Rect:
        """The view's rectangle on the monitor."""
        ratio = self.devicePixelRatioF()
        origin = self.mapToGlobal(QPointF(0.0, 0.0)) - QPointF(self.screen().geometry().topLeft())
        left, top = origin.x() * ratio, origin.y() * ratio
        return Rect(left, top, left + self.width() * ratio, top + self.height() * ratio)

    @property
    def image_to_screen(self) -> Transform:
        """Image pixels to native pixels of the monitor."""
        return self.placement.image_to_screen(self.region)

    def to_screen(self, position: QPointF) -> tuple[float, float]:
        """A position inside the view, in logical pixels, on the screen."""
        region, ratio = self.region, self.devicePixelRatioF()
        return region.left + position.x() * ratio, region.top + position.y() * ratio

    def to_image(self, position: QPointF) -> tuple[float, float]:
        """A position inside the view, in logical pixels, as image pixels."""
        x, y = self.image_to_screen.inverse().apply(self.to_screen(position)).tolist()
        return x, y

    def from_image(self, x_px: float, y_px: float) -> QPointF:
        """An image position as a position inside the view, in logical pixels."""
        region, ratio = self.region, self.devicePixelRatioF()
        x, y = self.image_to_screen.apply((x_px, y_px)).tolist()
        return QPointF((x - region.left) / ratio, (y - region.top) / ratio)

    def fit(self) -> None:
        """Show the whole film, and keep it whole when the view changes its size."""
        self._fitted = True
        self._refit()
        self.refresh()

    def place(self, placement: Placement) -> None:
        """Lay the film differently; it is no longer refitted when the view changes its size."""
        self._fitted = False
        self.placement = placement
        self.refresh()

    def turn(self, placement: Placement) -> None:
        """Turn or mirror the film; it is refitted if the whole of it was shown."""
        self.placement = placement
        if self._fitted:
            self._refit()
        self.refresh()

    def refresh(self) -> None:
        """Paint again, and say that something changed."""
        self._show_or_log()
        self.changed.emit()

    def announce(self) -> None:
        """Emit the viewport of the next frame even if nothing has changed since the last: somebody begins to listen."""
        self._last = None
        self._show_or_log()

    # -- painting and its account

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint, then log the frame."""
        painter = QPainter(self)
        device = painter.deviceTransform()
        region = self.region
        # The window's own device pixels are the monitor's, shifted by whole pixels.
        shift = round(region.left - device.dx()), round(region.top - device.dy())
        left, top = device.dx() + shift[0], device.dy() + shift[1]
        region = Rect(left, top, left + region.width, top + region.height)
        painter.fillRect(event.rect(), _BLACK)
        seen = self.film is not None and not self._curtain
        transform = self.placement.image_to_screen(region)
        if self.film is not None and seen:
            painter.save()
            painter.setWorldTransform(device.inverted()[0])
            if self.spotlight is None:
                self.film.draw(painter, transform, region, shift)
            else:
                self.spotlight.draw(painter, self.film, transform, region, shift)
            self._draw_layers(painter, transform, shift)
            painter.restore()
        elif self._caption:
            painter.setPen(_CAPTION)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._caption)
        if self.hasFocus():
            painter.setPen(_FOCUS)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()
        self._log(transform, region, seen=seen and not self._covered and not self._blocked)

    def _draw_layers(self, painter: QPainter, transform: Transform, shift: tuple[int, int]) -> None:
        t = transform
        painter.setWorldTransform(QTransform(t.xx, t.yx, t.xy, t.yy, t.dx - shift[0], t.dy - shift[1]), combine=True)
        for layer in self._layers.values():
            layer.draw(painter, t.scale)

    def _log(self, transform: Transform, region: Rect, *, seen: bool) -> None:
        now_ns = perf_counter_ns()
        if seen and self.film is not None:
            window = self.film.logged_window
            viewport = Viewport(
                host_ns=now_ns,
                instance_uid=self.film.image.instance_uid,
                frame=self.film.frame + 1,
                image_to_screen=transform,
                region=region,
                window_center=window.center if window else None,
                window_width=window.width if window else None,
                inverted=self.film.inverted,
            )
        else:
            viewport = Viewport(now_ns, "", 1, _ALL, region)
        if self._last is None or dataclasses.replace(self._last, host_ns=now_ns) != viewport:
            self._last = viewport
            self.painted.emit(viewport)

    def _show_or_log(self) -> None:
        """Ask for a painting, whose log follows; where none will come, log now that no film is seen."""
        if self._covered or self._blocked or not self.isVisible() or self.window().isMinimized():
            self._log(_ALL, self.region, seen=False)
        self.update()

    def _refit(self) -> None:
        if self.film is not None and self.width() and self.height():
            image = self.film.image
            self.placement = Placement.fitted(image.columns, image.rows, self.region, like=self.placement)

    # -- what happens to the view

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the whole film shown, if it was."""
        super().resizeEvent(event)
        if self._fitted:
            self._refit()
            self.changed.emit()

    def showEvent(self, event: QShowEvent) -> None:
        """Watch the window: moving, minimising or blocking it changes what is seen without a painting."""
        super().showEvent(event)
        if self._top_level is not self.window():
            if self._top_level is not None:
                self._top_level.removeEventFilter(self)
            self._top_level = self.window()
            self._top_level.installEventFilter(self)
        self._show_or_log()

    def hideEvent(self, event: QHideEvent) -> None:
        """Log that no film is seen."""
        super().hideEvent(event)
        self._show_or_log()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the window this view lies in."""
        kind = event.type()
        if kind in (QEvent.Type.WindowBlocked, QEvent.Type.WindowUnblocked):
            self._blocked = kind == QEvent.Type.WindowBlocked
            self._show_or_log()
        elif kind in (QEvent.Type.WindowStateChange, QEvent.Type.Move, QEvent.Type.ScreenChangeInternal):
            self._show_or_log()
        return super().eventFilter(watched, event)
