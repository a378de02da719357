"""Test films with one finding taken away, as network pictures: what a model is shown to learn whether it saw the finding.

The picture is shown through the window of the film with the finding. So it differs only where the finding was drawn, and not
in the tones of the rest, which an automatic window of its own would shift.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egma_core.ablation.folder import replacing
from egma_core.dicom.display import default_window, render
from egma_core.dicom.image import DicomImage
from egma_core.dicom.reader import read_image
from egma_core.errors import ConfigError
from egma_core.model.preprocess import square_picture
from egma_core.synthetic.films import Phantom


def pictures_without(phantom: Phantom, film: DicomImage, size_px: int) -> NDArray[np.uint8]:
    """A film once without each of its findings, everything else left as it was.

    Args:
        phantom: The film's phantom.
        film: The film.
        size_px: S, the side of the network picture.

    Returns:
        (k, S, S) tones, in the order of `phantom.findings`.

    Raises:
        ConfigError: The program draws this phantom otherwise than the film was drawn.
    """
    if not np.array_equal(film.pixels[0], phantom.pixels()):
        raise ConfigError(
            f"The program draws the film of phantom {phantom.seed} otherwise than when this study was begun.",
            "Go on with the program's version that began it, or begin a study in another folder.",
        )
    window = default_window(film)
    pictures = np.zeros((len(phantom.findings), size_px, size_px), dtype=np.uint8)
    for i, finding in enumerate(phantom.findings):
        changed = replace(film, pixels=phantom.without(finding.name).pixels()[None])
        pictures[i] = square_picture(render(changed, window=window), size_px)
    return pictures


def draw_without(film: Path, phantom: Phantom, size_px: int, out: Path) -> None:
    """Keep a film's pictures without its findings in a file, unless they are there.

    Raises:
        ImageError: The film cannot be read.
        ConfigError: The program draws this phantom otherwise than the film was drawn.
    """
    if not out.is_file():
        pictures = pictures_without(phantom, read_image(film), size_px)
        with replacing(out) as unfinished, unfinished.open("wb") as file:
            np.save(file, pictures)


def load_without(path: Path, phantom: Phantom, size_px: int) -> NDArray[np.uint8]:
    """The pictures that `draw_without` kept.

    Raises:
        ConfigError: They are missing or damaged.
    """
    try:
        pictures: NDArray[np.uint8] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ConfigError(
            f"The pictures {path.name} of the study cannot be read.", "Remove that file and go on: it is made again."
        ) from error
    if pictures.shape != (len(phantom.findings), size_px, size_px) or pictures.dtype != np.uint8:
        raise ConfigError(
            f"The pictures {path.name} of the study are not those of its film.", "Remove that file and go on: it is made again."
        )
    return pictures
