"""From a film to the picture that a model sees: default display rendering, centred black square, antialiased resize, normalised tones.

The geometry is exactly `PatchGrid.fit`, half pixels included, so that similarity maps and gaze land where they belong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egma_core.alignment.patches import PatchGrid
from egma_core.dicom.display import render
from egma_core.dicom.image import DicomImage
from egma_core.errors import ImageError
from egma_core.geometry import Transform

MEAN = 0.5862785803
"""Mean tone of the pictures, in 0..1 (MedCLIP, and the paper's release)."""

STANDARD_DEVIATION = 0.2795008897
"""Standard deviation of their tones."""


@dataclass(frozen=True)
class NetworkPicture:
    """A film as a model sees it.

    Attributes:
        pixels: (1, S, S) float32 normalised tones.
        image_to_network: Where the film's pixels lie in it.
        image_shape: (rows, columns) of the film.
    """

    pixels: NDArray[np.float32]
    image_to_network: Transform
    image_shape: tuple[int, int]


def prepare(image: DicomImage, size_px: int, frame: int = 0) -> NetworkPicture:
    """Prepare one frame of a film for a model that sees squares of `size_px`.

    Raises:
        ImageError: The film has no such frame.
    """
    if not 0 <= frame < image.frames:
        raise ImageError(f"The film has {image.frames} frames, and frame {frame + 1} was asked for.", "Choose one that it has.")
    pixels = normalise(square_picture(render(image, frame), size_px))
    whole = PatchGrid.fit(image.rows, image.columns, size_px, 1, 1)
    return NetworkPicture(pixels, whole.image_to_network, (image.rows, image.columns))


def square_picture(display: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
    """Grey the display values, pad them to a centred square with black, and resize it, antialiased.

    Args:
        display: (rows, columns) grey or (rows, columns, 3) RGB, uint8.
        size_px: S, the side wanted.

    Returns:
        (S, S) uint8.
    """
    picture = Image.fromarray(display)
    if picture.mode != "L":
        picture = picture.convert("L")
    columns, rows = picture.size
    side = max(rows, columns)
    left, top = (side - columns) / 2, (side - rows) / 2
    # A margin of half a pixel cannot be pasted; it is a whole one that the resize box cuts in half.
    canvas = Image.new("L", (side + 1, side + 1))
    canvas.paste(picture, (math.ceil(left), math.ceil(top)))
    x, y = math.ceil(left) - left, math.ceil(top) - top
    return np.asarray(canvas.resize((size_px, size_px), Image.Resampling.BILINEAR, box=(x, y, x + side, y + side)))


def normalise(picture: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn (S, S) tones, uint8 or float in 0..1, into the (1, S, S) values an encoder takes."""
    tones = picture.astype(np.float32)
    if picture.dtype == np.uint8:
        tones /= np.float32(255)
    tones -= np.float32(MEAN)
    tones /= np.float32(STANDARD_DEVIATION)
    return tones[None]
