"""Films and overlays put together, with a colour bar beside them, and written as PNG."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from egma_core.errors import FrameMismatchError, InterchangeError
from egma_core.overlay.colours import colour_table

_INK = (225, 225, 225)
_GROUND = (16, 16, 18)


def compose(film: NDArray[np.uint8], *layers: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay overlays over a film, the first one lowest.

    Args:
        film: (rows, columns) grey or (rows, columns, 3) RGB, as displayed.
        layers: (rows, columns, 4) RGBA pictures.

    Returns:
        (rows, columns, 3) uint8 RGB.

    Raises:
        FrameMismatchError: A layer is not of the film's size.
    """
    picture = Image.fromarray(np.ascontiguousarray(film)).convert("RGBA")
    for layer in layers:
        if layer.shape != (*film.shape[:2], 4):
            raise FrameMismatchError(f"An overlay of {layer.shape} does not fit a film of {film.shape[:2]}.")
        picture.alpha_composite(Image.fromarray(np.ascontiguousarray(layer)))
    return np.array(picture.convert("RGB"))


def colour_bar(colour_map: str, low: str, high: str, title: str, height_px: int) -> NDArray[np.uint8]:
    """A vertical colour bar with its ends labelled, to stand beside a picture.

    Args:
        colour_map: The colour map.
        low: Label of the first colour.
        high: Label of the last colour.
        title: What is coloured, with its unit; written upward beside the bar.
        height_px: Height of the picture it will stand beside.

    Returns:
        (height_px, columns, 3) uint8 RGB.
    """
    size = max(11, height_px // 45)
    font = ImageFont.load_default(size)
    pad, thick = size, max(8, round(1.2 * size))
    labels = max(font.getlength(low), font.getlength(high))
    width = round(pad + max(thick + 0.5 * size + 1.4 * size, labels) + pad)
    picture = Image.new("RGB", (width, height_px), _GROUND)
    pen = ImageDraw.Draw(picture)
    top, bottom = pad + 2 * size, max(pad + 2 * size + 2, height_px - pad - 2 * size)
    ramp = np.repeat(colour_table(colour_map)[np.linspace(255, 0, bottom - top).astype(int)][:, None], thick, axis=1)
    picture.paste(Image.fromarray(ramp), (pad, top))
    pen.rectangle([pad - 1, top - 1, pad + thick, bottom], outline=_INK)
    pen.text((pad, top - size // 2), high, font=font, anchor="ls", fill=_INK)
    pen.text((pad, bottom + size // 2), low, font=font, anchor="lt", fill=_INK)
    written = Image.new("RGB", (max(1, bottom - top), round(1.4 * size)), _GROUND)
    ImageDraw.Draw(written).text((written.width / 2, written.height / 2), title, font=font, anchor="mm", fill=_INK)
    picture.paste(written.rotate(90, expand=True), (pad + thick + size // 2, top))
    return np.array(picture)


def beside(*pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Set RGB pictures side by side, all (rows, columns, 3), standing on one line.

    Returns:
        (greatest height, sum of widths and narrow gaps, 3) uint8 RGB.
    """
    height = max(p.shape[0] for p in pictures)
    gap = np.full((height, max(2, height // 100), 3), _GROUND, dtype=np.uint8)
    framed: list[NDArray[np.uint8]] = []
    for picture in pictures:
        frame = np.full((height, picture.shape[1], 3), _GROUND, dtype=np.uint8)
        frame[height - picture.shape[0] :] = picture
        framed += [frame, gap]
    return np.concatenate(framed[:-1], axis=1)


def titled(picture: NDArray[np.uint8], title: str) -> NDArray[np.uint8]:
    """Write a title above an RGB picture (rows, columns, 3), in as many lines as its width asks for.

    Returns:
        (rows and a band for the title, columns, 3) uint8 RGB.
    """
    rows, columns = picture.shape[:2]
    size = max(11, min(rows, columns) // 32)
    font = ImageFont.load_default(size)
    lines: list[str] = []
    for word in title.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= columns - size:
            lines[-1] = longer
        else:
            lines.append(word)
    band = Image.new("RGB", (columns, round(size * (1.35 * len(lines) + 0.6))), _GROUND)
    pen = ImageDraw.Draw(band)
    for index, line in enumerate(lines):
        pen.text((size // 2, size * (0.3 + 1.35 * index)), line, font=font, fill=_INK)
    return np.concatenate([np.array(band), picture])


def save_png(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture, whole or not at all.

    Args:
        path: The file, replaced if it is there.
        picture: (rows, columns) grey, (rows, columns, 3) RGB or (rows, columns, 4) RGBA, uint8.

    Raises:
        InterchangeError: The file cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        Image.fromarray(np.ascontiguousarray(picture)).save(unfinished, format="PNG")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise InterchangeError(
            f"The picture {path.name} cannot be written ({error.strerror or error}).", "Check the folder and the space on its disk."
        ) from error
