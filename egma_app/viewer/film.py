"""One frame of a film, made ready to be painted: sampled at the screen's own pixels, then passed through one table."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint
from PySide6.QtGui import QImage, QPainter

from egma_app.viewer.pyramid import Pixels, Pyramid
from egma_app.viewer.tools import value_range
from egma_core.dicom.display import default_window, display_table
from egma_core.dicom.image import DicomImage, Window
from egma_core.geometry import Rect, Transform


@dataclasses.dataclass(frozen=True)
class _Sampled:
    """What the last painting read from the film: changing the window reuses it."""

    transform: Transform
    columns: range
    rows: range
    values: Pixels


class Film:
    """A frame of a film with its window and polarity.

    Attributes:
        image: The film.
        frame: The frame shown, counted from 0.
        window: The reader's window, or None for the file's own (or an automatic) one.
        inverted: Whether the reader inverted the grey scale.
    """

    def __init__(self, image: DicomImage, frame: int = 0) -> None:
        """Prepare a frame, with the file's own window."""
        self.image = image
        self.frame = frame
        self.window: Window | None = None
        self.inverted = False
        self._pyramid = Pyramid(image.pixels[frame])
        self._sampled: _Sampled | None = None
        self._table: tuple[tuple[Window | None, bool], NDArray[np.uint8]] | None = None
        self.value_range = value_range(image, self._pyramid.levels[-1])
        self._own_window = None if image.is_colour else default_window(image, frame)

    @property
    def shown_window(self) -> Window | None:
        """The window as numbers, also where the file's own table is in use: where a drag begins. None for a film in colours."""
        return self.window or self._own_window

    @property
    def logged_window(self) -> Window | None:
        """The window that the picture was made with, or None where it was a table or the film has colours."""
        return None if self.window is None and self.image.voi_luts else self.shown_window

    def draw(self, painter: QPainter, transform: Transform, clip: Rect, shift: tuple[int, int]) -> None:
        """Paint the film with a painter that works in device pixels.

        Args:
            painter: Its transform is the identity: device pixels.
            transform: Image pixels to native screen pixels; turns by 90° only.
            clip: The part of the screen to paint, in native screen pixels.
            shift: What to subtract from native screen pixels to get device pixels.
        """
        columns, rows = self.visible(transform, clip)
        if columns and rows:
            levels = self.picture(transform, columns, rows)
            painter.drawImage(QPoint(columns.start - shift[0], rows.start - shift[1]), picture_of(levels))

    def visible(self, transform: Transform, clip: Rect) -> tuple[range, range]:
        """The columns and rows of native screen pixels inside `clip` that show the film; empty where none does."""
        film = transform.map_rect(Rect(0.0, 0.0, self.image.columns, self.image.rows))
        columns = _centres_between(max(film.left, clip.left), min(film.right, clip.right))
        return columns, _centres_between(max(film.top, clip.top), min(film.bottom, clip.bottom))

    def picture(self, transform: Transform, columns: range, rows: range) -> NDArray[np.uint8]:
        """What these native screen pixels show: (rows, columns) grey levels, or (rows, columns, 3) RGB."""
        return self.shade(self._values(transform, columns, rows))

    def read(self, transform: Transform, across: NDArray[np.float64], down: NDArray[np.float64]) -> Pixels:
        """Values of the film at a grid of evenly spaced points of the screen.

        Args:
            transform: Image pixels to native screen pixels; turns by 90° only.
            across: (n,) native screen x of the grid's columns.
            down: (m,) native screen y of the grid's rows.

        Returns:
            (m, n) or (m, n, 3) stored values, each a mean over about one step of the grid.
        """
        if transform.xx != 0.0:
            return self._pyramid.sample((across - transform.dx) / transform.xx, (down - transform.dy) / transform.yy)
        turned = self._pyramid.sample((down - transform.dy) / transform.yx, (across - transform.dx) / transform.xy)
        return np.ascontiguousarray(np.swapaxes(turned, 0, 1))

    def shade(self, values: Pixels) -> NDArray[np.uint8]:
        """The grey levels (or colours) of stored values under the present window and polarity."""
        if self.image.is_colour:
            picture = values.astype(np.uint8, copy=False)
            return np.ascontiguousarray(255 - picture if self.inverted else picture)
        key = (self.window, self.inverted)
        if self._table is None or self._table[0] != key:
            self._table = key, display_table(self.image, self.window, self.inverted, frame=self.frame)
        return np.take(self._table[1], values, mode="clip")

    def _values(self, transform: Transform, columns: range, rows: range) -> Pixels:
        last = self._sampled
        if last is not None and (last.transform, last.columns, last.rows) == (transform, columns, rows):
            return last.values
        values = self.read(transform, _centres(columns), _centres(rows))
        self._sampled = _Sampled(transform, columns, rows, values)
        return values


def picture_of(levels: NDArray[np.uint8]) -> QImage:
    """Grey levels (rows, columns) or RGB (rows, columns, 3) as a picture that shares their memory: it lives no longer than they do."""
    height, width = levels.shape[:2]
    kind = QImage.Format.Format_RGB888 if levels.ndim == 3 else QImage.Format.Format_Grayscale8
    return QImage(levels.data, width, height, levels.strides[0], kind)


def _centres_between(low: float, high: float) -> range:
    """The whole pixels whose centres lie between two positions."""
    return range(math.ceil(low - 0.5), math.floor(high - 0.5) + 1) if high > low else range(0)


def _centres(pixels: range) -> NDArray[np.float64]:
    return np.arange(pixels.start, pixels.stop, dtype=np.float64) + 0.5
