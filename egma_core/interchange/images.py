"""Importing pictures of films: PNG and JPEG files of public sets, written as DICOM, with the CSV that names their patients."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egma_core.dicom.deidentify import Pseudonymiser
from egma_core.dicom.reader import read_header
from egma_core.dicom.writer import FilmTags, write_film
from egma_core.errors import DamagedImageError, FilmRefusedError, ImageError, InterchangeError, UnsupportedImageError
from egma_core.interchange.films import ImportReport, Progress, Shelf, files_below, take_each
from egma_core.interchange.labels import LabelMatcher, LabelRow, read_label_table
from egma_core.store.store import Store

_ENDINGS = (".png", ".jpg", ".jpeg")
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_MODALITY = "OT"


def import_images(
    folder: str | Path,
    store: Store,
    *,
    labels: str | Path,
    columns: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import every PNG and JPEG film below a folder that a CSV names, each as a study of its own.

    Patients get keyed pseudonyms, and a film's UIDs come from its patient and content, so that importing again adds only
    what is new. File names are not kept. 16-bit grey pictures keep their depth; colours become grey, and what is
    transparent becomes black.

    Args:
        folder: A folder, searched to its depths, or one file.
        store: The library.
        labels: The CSV; see `read_label_table`. It needs the columns `image` and `patient_id`.
        columns: Our names of the CSV's columns to theirs, where they differ.
        progress: Called with files done and files in all.

    Raises:
        InterchangeError: There is no picture below the folder, the labels file cannot be used, or a film cannot be written.
        PrivacyError: The library's key is missing.
        StoreError: The library cannot be written.
    """
    rows = read_label_table(labels, columns, needed=("image", "patient_id"))
    pictures = {relative: path for relative, path in files_below(folder, without=store.files).items() if _is_picture(path)}
    if not pictures:
        raise InterchangeError(f"There is no PNG or JPEG picture below {folder}.", "Choose another folder.")
    shelf = Shelf(store, "image")

    def take(path: Path, row: LabelRow | None) -> bool:
        if row is None:
            raise FilmRefusedError(
                "The labels file has no row for it.", "Its column image must hold the file's name or path below the folder."
            )
        if not row.patient_id:
            raise FilmRefusedError(
                "The labels file does not say which patient it is of.", "Fill in its patient, or any name if there is one film each."
            )
        content = _content(path)
        tags = _tags(content, row.patient_id, shelf.pseudonymiser)
        copy = shelf.folder / f"{tags.instance_uid}.dcm"
        known = shelf.digest(tags.instance_uid)
        digest = known or write_film(copy, picture_pixels(path.name, content), tags)
        shelf.add(read_header(copy), digest, row)
        return known is None

    return take_each(pictures, take, LabelMatcher(rows, pictures), progress)


def picture_pixels(name: str, content: bytes) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Decode a PNG or JPEG picture to grey.

    Args:
        name: What to call it in messages.
        content: The file's bytes.

    Returns:
        (rows, columns) uint16 for 16-bit grey pictures, uint8 for all others (ITU-R 601 luma of colours).

    Raises:
        DamagedImageError: It is cut off, corrupt, or no such picture.
        UnsupportedImageError: It is far larger than any film.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as picture:
                picture.load()
                if picture.mode.startswith("I"):
                    return np.clip(np.asarray(picture), 0, 65535).astype(np.uint16)
                return np.asarray(_over_black(picture).convert("L"))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise UnsupportedImageError(f"{name} is far larger than any film.", "Leave it out, or make it smaller.") from error
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise DamagedImageError(f"{name} is damaged, or neither PNG nor JPEG.", "Copy or download it again.") from error


def _over_black(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture
    layers = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layers.size, (0, 0, 0, 255)), layers)


def _tags(content: bytes, patient: str, pseudonymiser: Pseudonymiser) -> FilmTags:
    picture = f"picture {hashlib.sha256(content).hexdigest()} of {patient}"
    return FilmTags(
        patient_id=pseudonymiser.patient_id(patient),
        study_uid=pseudonymiser.uid(f"study of {picture}"),
        series_uid=pseudonymiser.uid(f"series of {picture}"),
        instance_uid=pseudonymiser.uid(picture),
        modality=_MODALITY,
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path.name} cannot be read: {error.strerror}.", "Check the file.") from error


def _is_picture(path: Path) -> bool:
    if path.suffix.lower() in _ENDINGS:
        return True
    try:
        with path.open("rb") as file:
            return file.read(8).startswith(_MAGIC)
    except OSError:
        return False
