"""Text burned into pictures: which films may have it, and copies in which it is covered by black boxes.

Nothing here reads pictures: a person looks, and says where the boxes go (PS3.15 E.3.1, Clean Pixel Data Option).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from egma_core.dicom.deidentify import FilmCopy, method_code
from egma_core.dicom.description import is_inverted, padding
from egma_core.dicom.files import encoded, open_dataset, reading, write_file
from egma_core.dicom.pixel_format import PixelFormat, pixel_format
from egma_core.dicom.reader import header_of, read_image
from egma_core.dicom.tags import items, text, values_of
from egma_core.errors import ConfigError, PrivacyError

Suspicion = Literal["stated", "likely", "unless_denied"]
"""Which films are thought to have text in their pictures: those that say so; also those of kinds that often have and do not
deny it (screen captures, ultrasound, photographs); or all that do not deny it."""

SUSPICION: Suspicion = "likely"

_OFTEN = {"SC": "a secondary capture", "US": "an ultrasound picture", "XC": "a photograph", "GM": "a photograph", "ES": "an endoscopy"}
_CAPTURES = "1.2.840.10008.5.1.4.1.1.7"
_NOT_COPIED = (
    *("NumberOfFrames", "PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "PlanarConfiguration"),
    *("SmallestImagePixelValue", "LargestImagePixelValue"),
    *(f"{colour}PaletteColorLookupTable{part}" for colour in ("Red", "Green", "Blue") for part in ("Descriptor", "Data")),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
)


@dataclass(frozen=True)
class Box:
    """A rectangle that is made black, in whole pixels of the film as it is stored.

    Attributes:
        left: The first column.
        top: The first row.
        right: One past the last column.
        bottom: One past the last row.
        frame: The frame, counted from 0; None for all of them.
    """

    left: int
    top: int
    right: int
    bottom: int
    frame: int | None = None


def burned_in_reason(source: str | Path, suspicion: Suspicion = SUSPICION) -> str:
    """Why somebody should look at a film's picture before it is kept, or "".

    Raises:
        ImageError: The film cannot be read; as `read_header`.
    """
    with reading(Path(source)) as read:
        dataset = open_dataset(read, pixels=False)
    stated = text(dataset, "BurnedInAnnotation").upper()
    if stated == "YES":
        return "It says that text is burned into its picture."
    if stated == "NO" or suspicion == "stated":
        return ""
    kind = text(dataset, "SOPClassUID")
    often = "SC" if kind == _CAPTURES or kind.startswith(f"{_CAPTURES}.") else text(dataset, "Modality").upper()
    if often in _OFTEN:
        return f"It is {_OFTEN[often]}, and does not say that its picture is free of text."
    return "It does not say that its picture is free of text." if suspicion == "unless_denied" else ""


def mask_film(source: str | Path, folder: str | Path, boxes: Sequence[Box]) -> FilmCopy:
    """Write a de-identified film again, uncompressed, with boxes blackened and the statement that its picture holds no text.

    Without boxes it is the statement alone that is added: somebody looked, and there was nothing.

    Args:
        source: A copy that `deidentify_film` made.
        folder: Where the new file goes, as `<instance uid>.dcm`.
        boxes: What is made black; parts off the film are ignored.

    Raises:
        PrivacyError: The film was not de-identified.
        ConfigError: A box lies wholly off the film, or names a frame that there is not.
        ImageError: The film cannot be read.
        InterchangeError: The file cannot be written.
    """
    path = Path(source)
    with reading(path) as read:
        film = open_dataset(read)
        if text(film, "PatientIdentityRemoved").upper() != "YES":
            raise PrivacyError(f"{path.name} still says who its patient is.", "Import it first.")
        form = pixel_format(read, film)
        header = header_of(read, film)
        copy = film
        if boxes:
            pixels = read_image(path).pixels.copy()
            _blacken(pixels, boxes, film, form)
            copy = _with_pixels(film, form, pixels)
        copy.BurnedInAnnotation = "NO"
        done = [str(item.CodeValue) for item in items(copy, "DeidentificationMethodCodeSequence")]
        copy.DeidentificationMethodCodeSequence = [method_code(code) for code in sorted({*done, "113101"})]
        content = encoded(copy)
    target = Path(folder) / f"{header.instance_uid}.dcm"
    return FilmCopy(header, target, write_file(target, content))


def _blacken(pixels: NDArray[Any], boxes: Sequence[Box], film: Dataset, form: PixelFormat) -> None:
    """Blacken boxes in place; pixels are as `decode` gives them."""
    outside = np.ones(pixels.shape[:3], np.bool_)
    for box in boxes:
        part = (slice(max(0, box.top), box.bottom), slice(max(0, box.left), box.right))
        if (box.frame is not None and not 0 <= box.frame < form.frames) or not outside[0][part].size or min(box.right, box.bottom) < 1:
            raise ConfigError(
                f"The box {box} is not on a film of {form.columns} x {form.rows} pixels and {form.frames} frames.", "Draw it anew."
            )
        outside[(slice(None) if box.frame is None else slice(box.frame, box.frame + 1), *part)] = False
    pixels[~outside] = 0 if form.is_colour else _black(pixels, outside, film, form)


def _black(pixels: NDArray[Any], outside: NDArray[np.bool_], film: Dataset, form: PixelFormat) -> int:
    """The stored value of the boxes: padding where the film has it, so that an automatic window passes over them, else its darkest."""
    offset = 32768 if form.signed else 0
    padded = padding(film, form)
    if padded is not None:
        return padded[0] + offset
    seen = pixels[outside] if outside.any() else pixels
    return int(seen.max() if is_inverted(film, form.photometric) else seen.min())


def _with_pixels(film: Dataset, form: PixelFormat, pixels: NDArray[Any]) -> Dataset:
    """The film with other pixels, uncompressed; nothing of the old pixel data goes along."""
    copy = Dataset()
    copy.file_meta = film.file_meta
    copy.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for element in film:
        if element.keyword not in _NOT_COPIED:
            copy.add(element)
    if form.is_colour:
        copy.SamplesPerPixel, copy.PlanarConfiguration, copy.PhotometricInterpretation, copy.PixelRepresentation = 3, 0, "RGB", 0
        copy.BitsAllocated, copy.BitsStored, copy.HighBit = 8, 8, 7
        stored = pixels.astype(np.uint8)
    else:
        copy.BitsAllocated = form.bits_allocated
        copy.BitsStored, copy.HighBit = form.bits_stored, form.bits_stored - 1
        values = pixels.astype(np.int32) - (32768 if form.signed else 0)
        stored = (values & (2**form.bits_stored - 1)).astype(f"<u{form.bits_allocated // 8}")
    if "NumberOfFrames" in film and values_of(film, "NumberOfFrames"):
        copy.NumberOfFrames = form.frames
    content = stored.tobytes()
    copy.PixelData = content + b"\0" * (len(content) % 2)
    copy["PixelData"].VR = "OW" if form.bits_allocated == 16 and not form.is_colour else "OB"
    return copy
