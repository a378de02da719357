"""JPEG Lossless and 12-bit JPEG frames, decoded by GDCM: the only decoder of them that may be shipped.

GDCM ends its process on some corrupt streams and writes to its terminal on others, so this is called in the decoder's
process alone (`egma_core.dicom.process`), which may die.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from egma_core.errors import MissingDecoderError


@dataclass(frozen=True)
class Layout:
    """How the values of every frame are laid out (PS3.3 C.7.6.3).

    Attributes:
        rows: Pixels down.
        columns: Pixels across.
        samples: Values per pixel.
        bits_allocated: 8 or 16.
        bits_stored: Bits that carry the value.
        signed: Whether values are two's complement.
        photometric: Photometric Interpretation.
        syntax: Transfer syntax UID.
    """

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    photometric: str
    syntax: str


def decode_frames(frames: Sequence[bytes], layout: Layout) -> bytes:
    """Decode frames, one stream each.

    Returns:
        The pixels of all frames, one after the other, little endian, samples of one pixel together.

    Raises:
        MissingDecoderError: GDCM is not installed.
        ValueError: A stream is corrupt.
    """
    try:
        import gdcm
    except ImportError as error:
        raise MissingDecoderError(
            "JPEG Lossless and 12-bit JPEG films need GDCM, which is not installed.", "Install it with: pip install 'egma[codecs]'"
        ) from error
    n_bytes = layout.rows * layout.columns * layout.samples * layout.bits_allocated // 8
    decoded = [_decode(gdcm, frame, layout) for frame in frames]
    if any(len(pixels) != n_bytes for pixels in decoded):
        raise ValueError("the decoder gave up")
    return b"".join(decoded)


def _decode(gdcm: Any, frame: bytes, layout: Layout) -> bytes:
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((layout.columns, layout.rows, 1))
    image.SetDataElement(element)
    photometric = gdcm.PhotometricInterpretation.GetPIType(layout.photometric)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(photometric))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(layout.syntax)))
    stored = layout.bits_stored
    image.SetPixelFormat(gdcm.PixelFormat(layout.samples, layout.bits_allocated, stored, stored - 1, int(layout.signed)))
    # GDCM's binding takes its bytes for text; the escapes turn it back.
    return image.GetBuffer().encode("utf-8", "surrogateescape")
