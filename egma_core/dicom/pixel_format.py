"""How the pixels of a data set are laid out, and which data sets are no film at all (PS3.3 C.7.6.3)."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from egma_core.dicom.files import ASK_AGAIN, Reading
from egma_core.dicom.tags import integer, numbers, text
from egma_core.errors import DamagedImageError, MissingDecoderError, UnsupportedImageError

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)

DECODERS: dict[UID, str] = {
    RLELossless: "pydicom",
    JPEGBaseline8Bit: "pillow",
    JPEGExtended12Bit: "pillow",
    JPEGLossless: "gdcm",
    JPEGLosslessSV1: "gdcm",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
    HTJ2KLossless: "pylibjpeg",
    HTJ2KLosslessRPCL: "pylibjpeg",
    HTJ2K: "pylibjpeg",
}
"""Compressed transfer syntaxes and pydicom's name of the decoder that reads each (12-bit JPEG Extended: see `decoder`)."""

MOST_BYTES = 2**30
"""Pixels that are decoded at once take no more than this."""

_SHOWN = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_STATED = {
    "SamplesPerPixel": "values per pixel",
    "BitsStored": "bits stored",
    "HighBit": "highest bit",
    "PixelRepresentation": "values' sign",
}
_CONVERT = "Convert it to an uncompressed transfer syntax with the software it came from."


@dataclass(frozen=True)
class PixelFormat:
    """How the pixels of a data set are laid out (PS3.3 C.7.6.3).

    Attributes:
        rows: Pixels down.
        columns: Pixels across.
        frames: How many frames there are.
        samples: 1, or 3 for colour.
        bits_allocated: 8 or 16.
        bits_stored: Bits that carry the value.
        high_bit: Position of the value's highest bit.
        signed: Whether values are two's complement.
        photometric: Photometric Interpretation.
        syntax: Transfer syntax.
    """

    rows: int
    columns: int
    frames: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    syntax: UID

    @property
    def is_colour(self) -> bool:
        """Whether the film decodes to RGB."""
        return not self.photometric.startswith("MONOCHROME")

    @property
    def n_bytes(self) -> int:
        """Bytes of all frames when not compressed."""
        n = self.rows * self.columns * self.samples * self.bits_allocated // 8 * self.frames
        return n // 3 * 2 if self.photometric == "YBR_FULL_422" else n

    @property
    def decoder(self) -> str:
        """Pydicom's name of the decoder that reads it; "" where it is not compressed."""
        if self.syntax == JPEGExtended12Bit and self.bits_stored > 8:
            return "gdcm"
        return DECODERS.get(self.syntax, "")


def pixel_format(read: Reading, dataset: Dataset) -> PixelFormat:
    """Describe the pixels of a data set, and refuse what is no film.

    Raises:
        UnsupportedImageError: There is no picture in it, or one of a kind that is not shown.
        DamagedImageError: The description contradicts itself.
    """
    name = read.name
    rows, columns = integer(dataset, "Rows", 0), integer(dataset, "Columns", 0)
    if "Rows" not in dataset and "PixelData" not in dataset:
        raise UnsupportedImageError(f"{name} holds no picture{_kind(dataset)}.", "Choose a film; reports and indexes cannot be shown.")
    allocated = integer(dataset, "BitsAllocated", 0)
    stored = integer(dataset, "BitsStored", allocated)
    found = PixelFormat(
        rows=rows,
        columns=columns,
        frames=max(1, integer(dataset, "NumberOfFrames", 1)),
        samples=integer(dataset, "SamplesPerPixel", 1),
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=integer(dataset, "HighBit", stored - 1),
        signed=integer(dataset, "PixelRepresentation", 0) == 1,
        photometric=text(dataset, "PhotometricInterpretation").upper(),
        syntax=UID(str(dataset.file_meta.TransferSyntaxUID)),
    )
    _refuse_odd_pixels(name, found, dataset)
    for keyword, called in _STATED.items():
        if not numbers(dataset, keyword):
            read.note(f"The film does not state its {called}.")
    if found.high_bit >= found.bits_stored:
        read.note("The film's values begin above the lowest bit, as in no film made after 1993.")
    return found


def _refuse_odd_pixels(name: str, form: PixelFormat, dataset: Dataset) -> None:
    if form.rows < 1 or form.columns < 1:
        raise DamagedImageError(f"{name} is damaged: its picture has no size.", ASK_AGAIN)
    if form.bits_allocated not in (8, 16):
        what = "is a mask of 1 bit per pixel" if form.bits_allocated == 1 else f"stores {form.bits_allocated} bits per pixel"
        raise UnsupportedImageError(f"{name} {what}, which no film does.", "Choose a film of 8 or 16 bits.")
    if form.photometric not in _SHOWN:
        raise UnsupportedImageError(f"{name} has pixels of a kind that is not shown ({form.photometric or 'not named'}).", _CONVERT)
    if form.samples != (3 if form.is_colour and form.photometric != "PALETTE COLOR" else 1):
        raise DamagedImageError(f"{name} is damaged: {form.samples} values per pixel do not make {form.photometric}.", ASK_AGAIN)
    if not 1 <= form.bits_stored <= form.high_bit + 1 <= form.bits_allocated:
        raise DamagedImageError(
            f"{name} is damaged: {form.bits_stored} bits do not fit into bit {form.high_bit} of {form.bits_allocated}.", ASK_AGAIN
        )
    if integer(dataset, "PixelRepresentation", 0) not in (0, 1):
        raise DamagedImageError(f"{name} is damaged: it does not say whether its values can be negative.", ASK_AGAIN)
    if form.high_bit + 1 not in (form.bits_stored, form.bits_allocated):
        raise DamagedImageError(
            f"{name} is damaged: bit {form.high_bit} of {form.bits_allocated} cannot be the highest of {form.bits_stored} bits.", ASK_AGAIN
        )
    if form.syntax not in NATIVE and form.syntax not in DECODERS:
        kind = form.syntax.name if form.syntax.is_transfer_syntax else "an unknown transfer syntax"
        raise MissingDecoderError(f"{name} is compressed in a way that is not read here ({kind}).", _CONVERT)


def _kind(dataset: Dataset) -> str:
    kind = UID(text(dataset, "SOPClassUID"))
    return f": it is of the kind {kind.name}" if kind.is_valid and kind.type == "SOP Class" else ""
