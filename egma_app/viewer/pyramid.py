"""A film at full, half, quarter, ... size, read off at just the points that a screen shows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint16 | np.uint8]

_SMALLEST = 128
_ONE = 256  # weights between neighbours are whole 256ths


class Pyramid:
    """One frame of a film with its smaller copies, each the whole-numbered 2x2 mean of the one before.

    Attributes:
        levels: The frame and its copies, (rows, columns) uint16 or (rows, columns, 3) uint8. Pixel (r, c) of level n covers the
            image pixels from (r * 2**n, c * 2**n) to ((r + 1) * 2**n, (c + 1) * 2**n).
    """

    def __init__(self, pixels: Pixels) -> None:
        """Build the copies: some 15 ms for 3000 x 3000 pixels."""
        self.levels: list[Pixels] = [pixels]
        while min(self.levels[-1].shape[:2]) >= 2 * _SMALLEST:
            self.levels.append(_halved(self.levels[-1]))

    def sample(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> Pixels:
        """Read the film on a grid of points.

        The level is the one whose pixels are nearest below the grid's step, so that a reduced film is averaged, not
        picked from; between pixels the value is bilinear; beyond the edge it is that of the edge.

        Args:
            x: (n,) image x of the grid's columns, evenly spaced, rising or falling, in image pixels.
            y: (m,) image y of the grid's rows, likewise.

        Returns:
            (m, n) uint16 or (m, n, 3) uint8 values, in the units of the film.
        """
        step = min(_step(x), _step(y))
        level = min(int(math.log2(step)) if step >= 2.0 else 0, len(self.levels) - 1)
        pixels = self.levels[level]
        rows, next_rows, row_weights = _neighbours(y / 2**level, pixels.shape[0])
        columns, next_columns, column_weights = _neighbours(x / 2**level, pixels.shape[1])
        first, last = min(columns[0], columns[-1]), max(next_columns[0], next_columns[-1])
        strip = pixels[:, first : last + 1]
        tail = (1,) * (pixels.ndim - 2)
        mixed = strip[rows]
        if row_weights.any():
            mixed = _mixed(mixed, strip[next_rows], row_weights.reshape(-1, 1, *tail))
        columns, next_columns = columns - first, next_columns - first
        if not column_weights.any():
            return np.take(mixed, columns, axis=1)
        return _mixed(np.take(mixed, columns, axis=1), np.take(mixed, next_columns, axis=1), column_weights.reshape(1, -1, *tail))


def _step(points: NDArray[np.float64]) -> float:
    return abs(float(points[1] - points[0])) if len(points) > 1 else 1.0


def _neighbours(position: NDArray[np.float64], count: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32]]:
    """The pixels before and after each position, and the weight of the one after in 256ths."""
    shifted = np.rint((position - 0.5) * _ONE).astype(np.intp)
    before = shifted >> 8
    weight = (shifted & (_ONE - 1)).astype(np.int32)
    return np.clip(before, 0, count - 1), np.clip(before + 1, 0, count - 1), weight


def _mixed(one: Pixels, other: Pixels, weight: NDArray[np.int32]) -> Pixels:
    difference = np.subtract(other, one, dtype=np.int32)
    difference *= weight
    difference += _ONE // 2
    difference >>= 8
    difference += one
    return difference.astype(one.dtype)


def _halved(pixels: Pixels) -> Pixels:
    rows, columns = pixels.shape[:2]
    if rows % 2 or columns % 2:
        edges = [(0, rows % 2), (0, columns % 2)] + [(0, 0)] * (pixels.ndim - 2)
        pixels = np.pad(pixels, edges, mode="edge")
    wide = np.uint32 if pixels.dtype == np.uint16 else np.uint16
    total = pixels[0::2, 0::2].astype(wide)
    total += pixels[1::2, 0::2]
    total += pixels[0::2, 1::2]
    total += pixels[1::2, 1::2]
    total += 2
    total >>= 2
    return total.astype(pixels.dtype)
