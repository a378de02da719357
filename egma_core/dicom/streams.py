"""A file that never gives or asks for more memory than it has bytes, however long its elements claim to be."""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path

from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian

MOST_INFLATED_BYTES = 2**30
"""A deflated data set may be so large once inflated; a few megabytes of it could otherwise fill any memory."""

_STEP = 2**20


class WithinFile(io.BufferedReader):
    """A file open for reading that sets aside memory only for bytes that are there.

    Python sets aside what it is asked for before it reads, and the lengths in a damaged file ask for gigabytes.
    """

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            OSError: It cannot be opened.
        """
        super().__init__(io.FileIO(path, "rb"))
        self._length = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes; all that are left for None and for negative sizes."""
        left = max(0, self._length - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


def inflates_too_far(file: io.BufferedIOBase, start: int) -> bool:
    """Whether a file holds a deflated data set of more than `MOST_INFLATED_BYTES`; the file's position is not kept.

    Args:
        file: A DICOM file.
        start: Where its first element begins.

    Raises:
        zlib.error: What should be deflated is not.
    """
    file.seek(start)
    meta = read_dataset(file, False, True, stop_when=_past_meta)  # pyright: ignore[reportArgumentType] - any binary file will do
    if str(meta.get("TransferSyntaxUID", "")) != DeflatedExplicitVRLittleEndian:
        return False
    inflater, inflated = zlib.decompressobj(-zlib.MAX_WBITS), 0
    pending = file.read(_STEP)
    while pending and inflated <= MOST_INFLATED_BYTES and not inflater.eof:
        inflated += len(inflater.decompress(pending, _STEP))
        pending = inflater.unconsumed_tail or file.read(_STEP)
    return inflated > MOST_INFLATED_BYTES


def _past_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group != 2
