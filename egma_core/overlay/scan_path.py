"""The scan path: fixations as numbered circles in the order they happened, joined by lines."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from egma_core.overlay.colours import Colour, colour_table

ORDER_COLOUR_MAP = "viridis"
_DARKEST = 64  # earlier entries of the colour map are too dark for a film
_USUAL_S = 0.3  # duration of a fixation drawn at the usual size
_RIM: Colour = (0, 0, 0)


def scan_path_rgba(
    x_px: NDArray[np.float64],
    y_px: NDArray[np.float64],
    duration_s: NDArray[np.float64],
    image_shape: tuple[int, int],
    *,
    colour_map: str = ORDER_COLOUR_MAP,
    opacity: float = 0.85,
    numbers: bool = True,
) -> NDArray[np.uint8]:
    """Draw a scan path, early fixations in the dark and late ones in the bright end of the colour map.

    A circle's area grows with the fixation's duration. Fixations off the film (NaN) are left out but keep their
    number, and no line leads to or from them. Drawn enlarged and scaled down, so that edges are smooth.

    Args:
        x_px: (n,) fixation centres in image pixels.
        y_px: (n,) fixation centres in image pixels.
        duration_s: (n,) durations in seconds.
        image_shape: (rows, columns) of the film in pixels.
        colour_map: Colour map of the order.
        opacity: Opacity of circles and lines, 0..1.
        numbers: Whether to write each fixation's number, counted from 1, unless a later circle covers it.

    Returns:
        (rows, columns, 4) uint8 RGBA.
    """
    rows, columns = image_shape
    usual = max(5.0, min(rows, columns) / 55)
    radius = np.clip(usual * np.sqrt(np.asarray(duration_s) / _USUAL_S), 0.55 * usual, 3.0 * usual)
    order = np.linspace(_DARKEST, 255, max(len(x_px), 1)).astype(int)
    colours = [tuple(c) for c in colour_table(colour_map)[order].tolist()]
    placed = np.flatnonzero(np.isfinite(x_px) & np.isfinite(y_px)).tolist()
    finer = 4 if max(rows, columns) <= 1100 else 2
    picture = Image.new("RGBA", (columns * finer, rows * finer))
    pen = ImageDraw.Draw(picture)
    centre = {i: (float(x_px[i]) * finer, float(y_px[i]) * finer) for i in placed}
    width = max(1.2, usual / 5) * finer
    for i in placed:
        if i + 1 in centre:
            pen.line([centre[i], centre[i + 1]], fill=(*_RIM, 150), width=round(1.9 * width))
    for i in placed:
        if i + 1 in centre:
            pen.line([centre[i], centre[i + 1]], fill=(*colours[i], 255), width=round(width))
    for i in placed:
        _disc(pen, centre[i], float(radius[i]) * finer, width, colours[i])
    small = picture.reduce(finer)
    small.putalpha(small.getchannel("A").point([round(a * opacity) for a in range(256)]))
    if numbers:
        at = np.column_stack([x_px, y_px])
        for i in placed:
            later = [j for j in placed if j > i]
            if not np.any(np.linalg.norm(at[later] - at[i], axis=1) < radius[later]):
                _write_number(small, i + 1, (float(x_px[i]), float(y_px[i])), usual, colours[i])
    return np.array(small)


def _disc(pen: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, width: float, colour: tuple[int, ...]) -> None:
    """A filled circle with a dark rim; what lies under it is replaced."""
    x, y = centre
    for r, fill in ((radius + 0.6 * width, (*_RIM, 200)), (radius, (*colour, 255))):
        pen.ellipse([x - r, y - r, x + r, y + r], fill=fill)


def _write_number(picture: Image.Image, number: int, centre: tuple[float, float], usual: float, colour: tuple[int, ...]) -> None:
    """Write a number on its circle, black on bright and white on dark colours."""
    text = str(number)
    font = ImageFont.load_default(max(7, math.floor(usual * (1.2 if len(text) < 3 else 0.9))))
    red, green, blue = colour
    ink = (0, 0, 0, 255) if 0.299 * red + 0.587 * green + 0.114 * blue > 110 else (255, 255, 255, 255)
    ImageDraw.Draw(picture).text(centre, text, font=font, anchor="mm", fill=ink)
