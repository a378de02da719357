"""The spotlight: a film blurred everywhere but around the pointer, so that pointing tells what is looked at.

The blurred film is made from a grid of some hundred by sixty points, whatever the size of film and zoom, and both pictures are
kept: moving the spot paints its old and its new place again and nothing else.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QRadialGradient

from egma_app.viewer.film import Film, picture_of
from egma_core.dicom.image import Window
from egma_core.geometry import Rect, Transform

EDGE = 0.25
"""The share of the radius over which the spot fades into the blur."""

_CELLS_PER_SIGMA = 2.0
_POINTS = 2  # the film is read at so many points a side of a cell
_PASSES = 8  # of the weights 1 2 1: each adds half a cell squared to the variance, so 8 make a sigma of 2 cells


@dataclasses.dataclass(frozen=True)
class _Shown:
    """What the pictures were made of."""

    film: Film
    window: Window | None
    inverted: bool
    transform: Transform
    clip: Rect


@dataclasses.dataclass(frozen=True)
class _Pictures:
    """A film as it lies on the screen, sharp and blurred.

    Attributes:
        shown: What they were made of.
        sharp: The film in the screen's own pixels.
        blurred: The same place, without detail.
        left: Where both begin, in native screen pixels.
        top: Likewise.
    """

    shown: _Shown
    sharp: QImage
    blurred: QImage
    left: int
    top: int


class Spotlight:
    """A round place of the screen in which a film is sharp.

    Attributes:
        radius_px: How far the spot reaches, in native screen pixels.
        blur_px: Standard deviation of the blur around it, in native screen pixels.
        center: The middle of the spot in native pixels of the monitor, or None while there is no spot and all is blurred.
    """

    def __init__(self, radius_px: float, blur_px: float) -> None:
        """Start without a spot.

        Raises:
            ValueError: A size is not positive: a defect of the caller.
        """
        if min(radius_px, blur_px) <= 0:
            raise ValueError("the spot and its blur need a size")
        self.radius_px = radius_px
        self.blur_px = blur_px
        self.center: tuple[float, float] | None = None
        self._pictures: _Pictures | None = None
        self._mask = _mask(radius_px)

    @property
    def rect(self) -> Rect | None:
        """The rectangle that holds the spot, in native screen pixels; None while there is no spot."""
        if self.center is None:
            return None
        x, y = self.center
        r = self._mask.width() / 2
        return Rect(x - r, y - r, x + r, y + r)

    def draw(self, painter: QPainter, film: Film, transform: Transform, clip: Rect, shift: tuple[int, int]) -> None:
        """Paint the film, blurred but for the spot; as `Film.draw` otherwise."""
        pictures = self._made(film, transform, clip)
        if pictures is None:
            return
        corner = QPointF(pictures.left - shift[0], pictures.top - shift[1])
        painter.drawImage(corner, pictures.blurred)
        if self.center is not None:
            side = self._mask.width()
            left, top = round(self.center[0] - side / 2), round(self.center[1] - side / 2)
            painter.drawImage(QPointF(left - shift[0], top - shift[1]), self._spot(pictures, left, top))

    def _spot(self, pictures: _Pictures, left: int, top: int) -> QImage:
        """The sharp film under the spot, with an edge that fades; transparent beyond the film."""
        spot = QImage(self._mask.size(), QImage.Format.Format_ARGB32_Premultiplied)
        spot.fill(0)
        painter = QPainter(spot)
        painter.drawImage(pictures.left - left, pictures.top - top, pictures.sharp)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationIn)
        painter.drawImage(0, 0, self._mask)
        painter.end()
        return spot

    def _made(self, film: Film, transform: Transform, clip: Rect) -> _Pictures | None:
        shown = _Shown(film, film.window, film.inverted, transform, clip)
        if self._pictures is None or self._pictures.shown != shown:
            self._pictures = self._make(shown)
        return self._pictures

    def _make(self, shown: _Shown) -> _Pictures | None:
        columns, rows = shown.film.visible(shown.transform, shown.clip)
        if not columns or not rows:
            return None
        levels = shown.film.picture(shown.transform, columns, rows)
        area = QRect(columns.start, rows.start, len(columns), len(rows))
        return _Pictures(shown, picture_of(levels).copy(), self._blurred(shown, area), columns.start, rows.start)

    def _blurred(self, shown: _Shown, area: QRect) -> QImage:
        """The film in `area` (native screen pixels) without detail finer than the blur."""
        cell = max(self.blur_px / _CELLS_PER_SIGMA, 1.0)
        n_across, n_down = math.ceil(area.width() / cell), math.ceil(area.height() / cell)
        # Beyond the film its edge goes on, so that the blur has something to mix with.
        across = area.left() + _points(n_across) * cell
        down = area.top() + _points(n_down) * cell
        grid = _smooth(_cell_means(shown.film.read(shown.transform, across, down)))[_PASSES:-_PASSES, _PASSES:-_PASSES]
        levels = shown.film.shade(np.rint(grid).astype(shown.film.image.pixels.dtype))
        small = picture_of(levels)
        blurred = QImage(area.size(), QImage.Format.Format_RGB32)
        painter = QPainter(blurred)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
        painter.drawImage(QRectF(0.0, 0.0, n_across * cell, n_down * cell), small, QRectF(small.rect()))
        painter.end()
        return blurred


def _points(n_cells: int) -> NDArray[np.float64]:
    """Where the film is read for `n_cells` cells and a margin around them, in cells from the first one's left edge."""
    return (np.arange(-_PASSES * _POINTS, (n_cells + _PASSES) * _POINTS) + 0.5) / _POINTS


def _cell_means(values: NDArray[np.uint16 | np.uint8]) -> NDArray[np.float32]:
    """Mean over the points of each cell: (m * points, n * points, ...) to (m, n, ...)."""
    rows, columns, *colours = values.shape
    cells = values.reshape(rows // _POINTS, _POINTS, columns // _POINTS, _POINTS, *colours)
    return cells.mean(axis=(1, 3), dtype=np.float32)


def _smooth(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A grid (rows, columns, ...) blurred along both axes by a standard deviation of two cells; the edge goes on beyond itself."""
    for axis in (0, 1):
        values = np.moveaxis(values, axis, 0)
        for _ in range(_PASSES):
            padded = np.concatenate([values[:1], values, values[-1:]])
            pairs = padded[1:] + padded[:-1]
            values = np.multiply(pairs[1:] + pairs[:-1], 0.25, dtype=np.float32)
        values = np.moveaxis(values, 0, axis)
    return np.ascontiguousarray(values)


def _mask(radius_px: float) -> QImage:
    """A disc that fades along its edge, as alpha."""
    side = 2 * math.ceil(radius_px) + 2
    mask = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
    mask.fill(0)
    light = QRadialGradient(side / 2, side / 2, radius_px)
    light.setColorAt(1.0 - EDGE, QColor(0, 0, 0, 255))
    light.setColorAt(1.0, QColor(0, 0, 0, 0))
    painter = QPainter(mask)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(light)
    painter.drawRect(mask.rect())
    painter.end()
    return mask
