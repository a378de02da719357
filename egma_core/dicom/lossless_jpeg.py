"""JPEG Lossless frames, decoded by GDCM in a process of its own.

GDCM is the only decoder of this compression that may be shipped, and it ends its process on some corrupt streams
and writes to its terminal on others. Here that process is a child: it is given frames, it gives back pixels, and
if it dies the film is damaged and nothing else is.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from egma_core.errors import MissingDecoderError

_LENGTH = struct.Struct("<I")
_NO_DECODER = 3
_PATIENCE_S = 30.0
_BYTES_PER_S = 4e6


def decode_frames(frames: Sequence[bytes], layout: dict[str, Any]) -> bytes:
    """Decode frames in a child process.

    Args:
        frames: One JPEG Lossless stream each.
        layout: `rows`, `columns`, `samples`, `bits_allocated`, `bits_stored`, `signed`, `photometric` and `syntax` (the
            transfer syntax UID) of every frame.

    Returns:
        The pixels of all frames, one after the other, samples of one pixel together.

    Raises:
        MissingDecoderError: GDCM is not installed.
        ValueError: A stream is corrupt.
    """
    n_bytes = layout["rows"] * layout["columns"] * layout["samples"] * layout["bits_allocated"] // 8 * len(frames)
    try:
        child = subprocess.run(
            [sys.executable, "-m", "egma_core.dicom.lossless_jpeg", json.dumps(layout)],
            input=b"".join(_LENGTH.pack(len(frame)) + frame for frame in frames),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S + n_bytes / _BYTES_PER_S,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError("decoding took too long") from error
    if child.returncode == _NO_DECODER:
        raise MissingDecoderError("JPEG Lossless films need GDCM, which is not installed.", "Install it with: pip install python-gdcm")
    if child.returncode != 0 or len(child.stdout) != n_bytes:
        raise ValueError("the decoder gave up")
    return child.stdout


def main() -> int:
    """The child: frames from standard input, pixels to standard output."""
    try:
        import gdcm
    except ImportError:
        return _NO_DECODER
    layout = json.loads(sys.argv[1])
    while header := sys.stdin.buffer.read(_LENGTH.size):
        pixels = _decode(gdcm, sys.stdin.buffer.read(_LENGTH.unpack(header)[0]), layout)
        sys.stdout.buffer.write(pixels)
    return 0


def _decode(gdcm: Any, frame: bytes, layout: dict[str, Any]) -> bytes:
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((layout["columns"], layout["rows"], 1))
    image.SetDataElement(element)
    photometric = gdcm.PhotometricInterpretation.GetPIType(layout["photometric"])
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(photometric))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(layout["syntax"])))
    stored = layout["bits_stored"]
    image.SetPixelFormat(gdcm.PixelFormat(layout["samples"], layout["bits_allocated"], stored, stored - 1, int(layout["signed"])))
    # GDCM's binding takes its bytes for text; the escapes turn it back.
    return image.GetBuffer().encode("utf-8", "surrogateescape")


if __name__ == "__main__":
    sys.exit(main())
