"""Pictures laid over a film: placed, reduced and blended here, computed elsewhere (`egma_core.overlay`)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter

from egma_core.geometry import Rect

_SMALLEST = 64


class Layer:
    """One picture with transparency, stretched over a rectangle of the film.

    Attributes:
        extent: The rectangle it covers, in image pixels.
        opacity: 0 (gone) to 1.
    """

    def __init__(self, rgba: NDArray[np.uint8], extent: Rect, opacity: float = 1.0) -> None:
        """Take a picture.

        Args:
            rgba: (rows, columns, 4) red, green, blue and alpha, 0 to 255, colours not multiplied by alpha.
            extent: The rectangle of the film that it covers, in image pixels.
            opacity: 0 to 1.
        """
        data = np.ascontiguousarray(rgba)
        rows, columns = data.shape[:2]
        whole = QImage(data.data, columns, rows, 4 * columns, QImage.Format.Format_RGBA8888)
        # Converting makes a copy, so that the array may go.
        self._copies = [whole.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)]
        self.extent = extent
        self.opacity = opacity

    def draw(self, painter: QPainter, zoom: float) -> None:
        """Paint the layer with a painter that works in image pixels.

        Args:
            painter: Its transform takes image pixels to the device.
            zoom: Device pixels for one image pixel, to choose a copy that is not much finer than the device.
        """
        if self.opacity <= 0.0:
            return
        columns = self._copies[0].width()
        step = columns / max(self.extent.width * zoom, 1.0)
        copy = self._reduced(int(math.log2(step)) if step >= 2.0 else 0)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
        painter.setOpacity(self.opacity)
        target = QRectF(self.extent.left, self.extent.top, self.extent.width, self.extent.height)
        painter.drawImage(target, copy, QRectF(copy.rect()))

    def _reduced(self, level: int) -> QImage:
        """The picture reduced by 2**level, so that thin lines fade in place of breaking up; made once, when first needed."""
        while len(self._copies) <= level and min(self._copies[-1].width(), self._copies[-1].height()) > _SMALLEST:
            last = self._copies[-1]
            half = QSize(max(last.width() // 2, 1), max(last.height() // 2, 1))
            smooth = Qt.TransformationMode.SmoothTransformation
            self._copies.append(last.scaled(half, Qt.AspectRatioMode.IgnoreAspectRatio, smooth))
        return self._copies[min(level, len(self._copies) - 1)]
