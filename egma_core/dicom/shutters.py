"""Display shutters: what lies outside them is not the picture and is shown evenly dark (PS3.3 C.7.6.11)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from egma_core.dicom.tags import number, numbers, values_of


@dataclass(frozen=True)
class Shutter:
    """The shutters of a film; a pixel is seen that lies inside all of them. Rows and columns count from 1, as in the standard.

    Attributes:
        rectangle: (left column, right column, upper row, lower row), all of them seen, or None.
        circle: (row of the centre, column of the centre, radius in columns), or None.
        polygon: Its corners as (row, column); empty for none.
        level: What the rest is shown as, 0 black to 1 white.
        pixel_aspect: Height of a pixel divided by its width, which makes a circle of an ellipse.
    """

    rectangle: tuple[float, float, float, float] | None
    circle: tuple[float, float, float] | None
    polygon: tuple[tuple[float, float], ...]
    level: float
    pixel_aspect: float

    def outside(self, rows: int, columns: int) -> NDArray[np.bool_]:
        """(rows, columns) bool: which pixels of a film of that size are not to be seen."""
        down, across = np.arange(1, rows + 1, dtype=np.float64)[:, None], np.arange(1, columns + 1, dtype=np.float64)[None, :]
        seen = np.ones((rows, columns), np.bool_)
        if self.rectangle is not None:
            left, right, upper, lower = self.rectangle
            seen &= (across >= left) & (across <= right) & (down >= upper) & (down <= lower)
        if self.circle is not None:
            row, column, radius = self.circle
            seen &= ((down - row) * self.pixel_aspect) ** 2 + (across - column) ** 2 <= radius**2
        if self.polygon:
            seen &= _inside(self.polygon, down, across)
        return ~seen


def shutter_of(dataset: Dataset, pixel_aspect: float, unusable: list[str]) -> Shutter | None:
    """The shutters that a data set describes; None if there are none.

    Args:
        dataset: The data set.
        pixel_aspect: Height of a pixel divided by its width.
        unusable: Takes a sentence if a shutter had to be left out.
    """
    kinds = [str(kind).strip().upper() for kind in values_of(dataset, "ShutterShape")]
    edges = ("ShutterLeftVerticalEdge", "ShutterRightVerticalEdge", "ShutterUpperHorizontalEdge", "ShutterLowerHorizontalEdge")
    sides = [v for keyword in edges for v in numbers(dataset, keyword)[:1]]
    center, radius = numbers(dataset, "CenterOfCircularShutter"), number(dataset, "RadiusOfCircularShutter", 0.0)
    corners = numbers(dataset, "VerticesOfThePolygonalShutter")
    polygon = tuple(zip(corners[::2], corners[1::2], strict=False)) if len(corners) >= 6 and len(corners) % 2 == 0 else ()
    rectangle = (sides[0], sides[1], sides[2], sides[3]) if "RECTANGULAR" in kinds and len(sides) == 4 else None
    circle = (center[0], center[1], radius) if "CIRCULAR" in kinds and len(center) == 2 and radius > 0 else None
    polygon = polygon if "POLYGONAL" in kinds else ()
    usable = {"RECTANGULAR": rectangle, "CIRCULAR": circle, "POLYGONAL": polygon}
    if any(not usable.get(kind) for kind in kinds):
        unusable.append("A shutter of the film is not usable and was left out.")
    if rectangle is None and circle is None and not polygon:
        return None
    level = min(max(number(dataset, "ShutterPresentationValue", 0.0) / 65535.0, 0.0), 1.0)
    return Shutter(rectangle, circle, polygon, level, pixel_aspect)


def _inside(corners: tuple[tuple[float, float], ...], down: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points lie inside a polygon: those from which a line to the right crosses its border an odd number of times."""
    inside = np.zeros((down.size, across.size), np.bool_)
    for (row, column), (next_row, next_column) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if row == next_row:
            continue
        crosses = (down < max(row, next_row)) & (down >= min(row, next_row))
        at = column + (down - row) / (next_row - row) * (next_column - column)
        inside ^= crosses & (across < at)
    return inside
