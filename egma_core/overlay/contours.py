"""Lines of equal value over a film: gaze and similarity side by side without hiding what lies beneath."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from egma_core.overlay.colours import SKY_BLUE, Colour

LEVELS = (0.25, 0.5, 0.75)
_RIM_OPACITY = 0.55


def contours_rgba(
    values: NDArray[np.floating], levels: Sequence[float] = LEVELS, colour: Colour = SKY_BLUE, width_px: float | None = None
) -> NDArray[np.uint8]:
    """Draw anti-aliased lines of equal value, in one colour with a dark rim, the higher the level the thicker.

    One colour a map, so that reader and model can be told apart on one film. Each pixel's distance from a line is
    taken from the map itself, to first order: |value - level| / |gradient|.

    Args:
        values: (rows, columns) map; NaN is transparent.
        levels: Values to draw lines at.
        colour: The lines' colour.
        width_px: Width of the highest level's line; by default it follows the picture's size.

    Returns:
        (rows, columns, 4) uint8 RGBA.
    """
    value = np.asarray(values, dtype=np.float32)
    rows, columns = value.shape
    picture = np.zeros((rows, columns, 4), dtype=np.uint8)
    if min(rows, columns) < 2:
        return picture
    seen = np.isfinite(value)
    value = np.where(seen, value, np.float32(0.0))
    slope = np.hypot(*np.gradient(value))
    slope[~seen] = 0.0
    width = width_px or max(1.6, min(rows, columns) / 300)
    rim = max(1.0, width / 2)
    line_cover, rim_cover = np.zeros(value.size, dtype=np.float32), np.zeros(value.size, dtype=np.float32)
    for rank, level in enumerate(sorted(levels), start=1):
        half = width * (0.5 + 0.5 * rank / len(levels)) / 2
        offset = np.abs(value - np.float32(level))
        near = np.flatnonzero((offset < (half + rim + 0.5) * slope).ravel())
        distance = offset.ravel()[near] / slope.ravel()[near]
        line_cover[near] = np.maximum(line_cover[near], np.clip(half + 0.5 - distance, 0, 1))
        rim_cover[near] = np.maximum(rim_cover[near], np.clip(half + rim + 0.5 - distance, 0, 1))
    drawn = np.flatnonzero(rim_cover)
    line = line_cover[drawn]
    alpha = line + _RIM_OPACITY * rim_cover[drawn] * (1 - line)
    flat = picture.reshape(-1, 4)
    flat[drawn, :3] = np.rint((line / alpha)[:, None] * np.array(colour, dtype=np.float32))  # the rest is the black rim
    flat[drawn, 3] = np.rint(alpha * 255)
    return picture
