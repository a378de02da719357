"""Pixel data to arrays of stored values, by decoders chosen here and not by whatever happens to be installed.

One decoder reads each compression: the one that raises on corrupt streams and does nothing worse. pylibjpeg-rle
panics past every handler, GDCM ends the process (so it runs in its own, for the one compression that nothing else
reads), and pylibjpeg-libjpeg is under the GPL; pydicom left to itself would ask all three first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, convert_color_space
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

from egma_core.dicom.files import ASK_AGAIN, BROKEN_INPUT, Reading
from egma_core.dicom.lossless_jpeg import decode_frames
from egma_core.dicom.tags import integer, text
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
"""Compressed transfer syntaxes and pydicom's name of the decoder that reads each."""

_SHOWN = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_MOST_BYTES = 2**31
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


def pixel_format(read: Reading, dataset: Dataset) -> PixelFormat:
    """Describe the pixels of a data set, and refuse what is no film.

    Raises:
        UnsupportedImageError: There is no picture in it, or one of a kind that is not shown.
        DamagedImageError: The description contradicts itself.
    """
    name = read.path.name
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
    _refuse_odd_pixels(name, found)
    return found


def decode(read: Reading, dataset: Dataset, form: PixelFormat, frame: int | None) -> NDArray[np.uint16] | NDArray[np.uint8]:
    """Decode all frames, or one.

    Returns:
        For grey films (frames, rows, columns) uint16: stored values, unused bits masked, plus 32768 where signed.
        For colour films (frames, rows, columns, 3) uint8, RGB.

    Raises:
        DamagedImageError: The pixel data is cut off or corrupt.
        MissingDecoderError: No installed decoder reads this compression.
        UnsupportedImageError: There is no such frame, or the film is not of a kind that is shown.
    """
    name = read.path.name
    if frame is not None and not 0 <= frame < form.frames:
        raise UnsupportedImageError(f"{name} has no frame {frame}; it holds {form.frames}.", "Frames are counted from 0.")
    if "PixelData" not in dataset:
        _refuse_absent_pixels(name, dataset)
    n_bytes = form.n_bytes // form.frames if frame is not None else form.n_bytes
    if n_bytes > _MOST_BYTES:
        raise UnsupportedImageError(f"{name} would take {n_bytes / 2**30:.0f} GiB of memory.", "Open one frame of it.")
    values = _native(name, dataset, form, frame) if form.syntax in NATIVE else _compressed(name, dataset, form, frame)
    values = values.reshape(-1, form.rows, form.columns, *([3] if form.samples == 3 else []))
    return _rgb(values, dataset, form) if form.is_colour else _grey(values, form)


def _refuse_odd_pixels(name: str, form: PixelFormat) -> None:
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
    if form.syntax not in NATIVE and form.syntax not in DECODERS:
        kind = form.syntax.name if form.syntax.is_transfer_syntax else "an unknown transfer syntax"
        raise MissingDecoderError(f"{name} is compressed in a way that is not read here ({kind}).", _CONVERT)


def _refuse_absent_pixels(name: str, dataset: Dataset) -> None:
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise UnsupportedImageError(f"{name} holds a map of fractional numbers, not a film.", "Choose a film.")
    raise DamagedImageError(f"{name} is damaged: its pixel data is missing.", ASK_AGAIN)


def _kind(dataset: Dataset) -> str:
    kind = UID(text(dataset, "SOPClassUID"))
    return f": it is of the kind {kind.name}" if kind.is_valid and kind.type == "SOP Class" else ""


def _native(name: str, dataset: Dataset, form: PixelFormat, frame: int | None) -> NDArray[Any]:
    element = dataset["PixelData"]
    if element.is_undefined_length or not isinstance(element.value, bytes):
        raise DamagedImageError(f"{name} is damaged: its pixels are compressed, but it says that they are not.", ASK_AGAIN)
    if len(element.value) < form.n_bytes:
        share = f"{len(element.value):,} of {form.n_bytes:,} bytes are there"
        raise DamagedImageError(f"{name} is damaged: its pixel data is cut off ({share}).", ASK_AGAIN)
    # The unused bits are masked here, because pydicom takes the value to start at bit 0 whatever the high bit.
    options: dict[str, Any] = {"correct_unused_bits": False}
    return get_decoder(form.syntax).as_array(dataset, index=frame, **options)[0]


def _compressed(name: str, dataset: Dataset, form: PixelFormat, frame: int | None) -> NDArray[Any]:
    decoder, plugin = get_decoder(form.syntax), DECODERS[form.syntax]
    if form.syntax == JPEGExtended12Bit and form.bits_stored > 8:
        raise MissingDecoderError(f"{name} is compressed in a way that is not read here (12-bit JPEG Extended).", _CONVERT)
    if plugin != "gdcm" and plugin not in decoder.available_plugins:
        raise MissingDecoderError(f"The decoder of {form.syntax.name} is not installed ({plugin}).", "Install the program again with pip.")
    try:
        if plugin == "gdcm":
            return _lossless_jpeg(dataset, form, frame)
        return decoder.as_array(dataset, index=frame, decoding_plugin=plugin)[0]
    except (*BROKEN_INPUT, OSError) as error:
        raise DamagedImageError(f"{name} is damaged: its pixel data is not sound {form.syntax.name}.", ASK_AGAIN) from error


def _lossless_jpeg(dataset: Dataset, form: PixelFormat, frame: int | None) -> NDArray[Any]:
    data = dataset["PixelData"].value
    frames = [f for _, f in zip(range(form.frames), generate_frames(data, number_of_frames=form.frames), strict=False)]
    wanted = frames if frame is None else [frames[frame]]
    layout = {
        name: getattr(form, name) for name in ("rows", "columns", "samples", "bits_allocated", "bits_stored", "signed", "photometric")
    }
    pixels = decode_frames(wanted, {**layout, "syntax": str(form.syntax)})
    values = np.frombuffer(pixels, f"<u{form.bits_allocated // 8}")
    if form.photometric.startswith("YBR"):
        return convert_color_space(values.reshape(-1, form.rows, form.columns, 3), "YBR_FULL", "RGB")
    return values


def _grey(values: NDArray[Any], form: PixelFormat) -> NDArray[np.uint16]:
    unsigned = values.astype(values.dtype.newbyteorder("="), copy=False).view(f"u{values.dtype.itemsize}").astype(np.uint16)
    unsigned >>= np.uint16(form.high_bit + 1 - form.bits_stored)
    unsigned &= np.uint16(2**form.bits_stored - 1)
    if form.signed:
        sign = 2 ** (form.bits_stored - 1)
        unsigned ^= np.uint16(sign)
        unsigned += np.uint16(32768 - sign)
    return unsigned


def _rgb(values: NDArray[Any], dataset: Dataset, form: PixelFormat) -> NDArray[np.uint8]:
    if form.photometric == "PALETTE COLOR":
        values = apply_color_lut(values, dataset)[..., :3]
        surplus = 8 if values.dtype.itemsize == 2 and values.max(initial=0) > 255 else 0
    else:
        surplus = max(0, form.bits_stored - 8)
    return (values.astype(np.uint16) >> np.uint16(surplus)).astype(np.uint8)
