"""Opening a film's file, whatever it is: DICOM, or the PNG or JPEG that a public set gives out."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image

from egma_core.dicom.image import DicomImage
from egma_core.dicom.reader import read_foreign, read_header
from egma_core.errors import DamagedImageError, ImageError

_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def open_film(path: Path, frame: int | None = None) -> DicomImage:
    """Read a film that nobody has vouched for.

    A PNG or JPEG file, told by its first bytes, is shown with its whole range of values (8 bits) or an automatic window.

    Args:
        path: A DICOM, PNG or JPEG file, whatever its name.
        frame: Which frame of a DICOM file to decode, counted from 0; None for all.

    Raises:
        ImageError: There is no such file, or it cannot be read as a film.
    """
    return _picture(path) if _is_picture(path) else read_foreign(path, frame=frame)


def film_shape(path: Path) -> tuple[int, int]:
    """(rows, columns) of a film, from the head of its file; files and errors as in `open_film`."""
    if not _is_picture(path):
        header = read_header(path)
        return header.rows, header.columns
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a picture that is very large, which is said when its pixels are read
            with Image.open(path, formats=("PNG", "JPEG")) as picture:
                return picture.height, picture.width
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise DamagedImageError(f"{path.name} is damaged, or neither PNG nor JPEG.", "Copy or download it again.") from error


def _is_picture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(8).startswith(_MAGIC)
    except OSError as error:
        raise ImageError(f"{path.name} cannot be read: {error.strerror}.", "Check the path.") from error


def _picture(path: Path) -> DicomImage:
    # Imported here because the pictures' room brings the library's database along, which DICOM films do not need.
    from egma_core.interchange.images import picture_pixels

    return DicomImage.plain(picture_pixels(path.name, path.read_bytes()))
