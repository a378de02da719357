"""What a compressed frame says of itself, so that a header which says something else is found out.

Decoders answer with the codestream's own size, and a picture of 512 x 512 fits a header of 256 x 1024 by its number of
bytes alone. JPEG: ITU-T T.81 B.2.2; JPEG-LS: ITU-T T.87 C.2.2; JPEG 2000 and HTJ2K: ITU-T T.800 A.5.1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_FRAME_HEADERS = (0xC0, 0xC1, 0xC2, 0xC3, 0xF7)
_BEFORE_SIZE = b"\xff\x4f\xff\x51"
_JPEG_START = b"\xff\xd8"


@dataclass(frozen=True)
class Codestream:
    """The frame header of a compressed picture.

    Attributes:
        rows: Pixels down.
        columns: Pixels across.
        samples: Values per pixel.
        bits: Bits per value.
        signed: Whether values are signed; None where the compression does not say.
    """

    rows: int
    columns: int
    samples: int
    bits: int
    signed: bool | None


def describe(frame: bytes) -> Codestream | None:
    """Read the frame header of a JPEG, JPEG-LS or JPEG 2000 stream; None where there is none to be found."""
    try:
        place = frame.find(_BEFORE_SIZE, 0, 65536)  # some files wrap the stream in boxes of JP2
        if place >= 0:
            return _jpeg2000(frame[place + 4 : place + 64])
        return _jpeg(frame) if frame.startswith(_JPEG_START) else None
    except struct.error:
        return None


def begins_stream(fragment: bytes) -> bool:
    """Whether a fragment of pixel data begins a compressed picture rather than going on with one."""
    return fragment.startswith((_JPEG_START + b"\xff", _BEFORE_SIZE))


def run_length(frame: bytes) -> int:
    """How many bytes the first segment of a run-length encoded frame decodes to, which is its number of pixels (PS3.5 annex G)."""
    segments, start, end = struct.unpack_from("<III", frame.ljust(12, b"\0"))
    place, last, n = start, len(frame) if segments < 2 else min(end, len(frame)), 0
    while place < last:
        control = frame[place]
        if control < 128:
            literal = min(control + 1, last - place - 1)
            n += literal
            place += 1 + literal
        else:
            n += 257 - control if control > 128 and place + 1 < last else 0
            place += 1 if control == 128 else 2
    return n


def _jpeg2000(size: bytes) -> Codestream:
    right, bottom, left, top = struct.unpack(">IIII", size[4:20])
    samples, depth = struct.unpack(">HB", size[36:39])
    return Codestream(bottom - top, right - left, samples, (depth & 0x7F) + 1, bool(depth & 0x80))


def _jpeg(frame: bytes) -> Codestream | None:
    place = 2
    while place + 4 <= len(frame) and frame[place] == 0xFF:
        marker = frame[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        if marker in _FRAME_HEADERS:
            bits, rows, columns, samples = struct.unpack(">BHHB", frame[place + 4 : place + 10])
            return Codestream(rows, columns, samples, bits, None)
        place += 2 + int.from_bytes(frame[place + 2 : place + 4], "big")
    return None
