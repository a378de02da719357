"""Opening DICOM files that may be broken, and writing sound ones: the only place that touches the file format.

pydicom raises a dozen kinds of exception on broken input, warns about the rest, and loses a whole data set
without an exception when compressed pixel data is cut off. Here all of that becomes one error tree and a list of
notes, before anything else of this room sees the data.
"""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import os
import re
import struct
import tempfile
import threading
import warnings
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_partial
from pydicom.filewriter import dcmwrite
from pydicom.tag import BaseTag
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from egma_core.dicom.streams import MOST_INFLATED_BYTES, WithinFile, inflates_too_far
from egma_core.errors import DamagedImageError, EgmaError, ImageError, InterchangeError, UnsupportedImageError

BROKEN_INPUT = (
    InvalidDicomError,
    BytesLengthException,
    struct.error,
    zlib.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
)
"""What pydicom and the decoders raise on broken input (seen by flipping and cutting bytes of real films)."""

ASK_AGAIN = "Copy or export the film again from where it came from."

_IMPLEMENTATION = UID("2.25.137450271290386251433021408410389411841")
_PIXEL_DATA = 0x7FE00010
_PIXEL_GROUP = 0x7FE0
_MOST_ELEMENTS = 20_000  # at the top level; films have a few hundred, and millions would only take time
_MOST_NOTES = 12
_WARNINGS_LOCK = threading.RLock()

# pydicom's own log lines quote values, names of patients among them.
logging.getLogger("pydicom").propagate = False


@dataclass
class Reading:
    """One file being read, and what was odd about it so far.

    Attributes:
        path: The file.
        name: What errors call it.
        caught: pydicom's warnings about it.
        remarks: Our own.
        content: The file's bytes, where they have been read already.
    """

    path: Path
    name: str
    caught: list[warnings.WarningMessage]
    remarks: list[str] = field(default_factory=list)
    content: bytes | None = None

    def open(self) -> io.BufferedIOBase:
        """The file, open for reading; memory is set aside only for bytes that are there."""
        return WithinFile(self.path) if self.content is None else io.BytesIO(self.content)

    def note(self, remark: str) -> None:
        """Keep a sentence for the person who opens this file."""
        self.remarks.append(remark)

    @property
    def notes(self) -> tuple[str, ...]:
        """Every remark once, our own first; quoted values are cut out of pydicom's, since they may name somebody."""
        foreign = [f"The file departs from the DICOM standard: {_without_values(str(w.message))}" for w in self.caught]
        return tuple(dict.fromkeys([*self.remarks, *foreign]))[:_MOST_NOTES]


@contextmanager
def reading(path: Path, *, name: str = "", content: bytes | None = None) -> Generator[Reading, None, None]:
    """Read a file inside this: whatever goes wrong leaves as an `ImageError`, and warnings stay in the `Reading`.

    Args:
        path: The file.
        name: What errors call it, where that is not the file's name.
        content: Its bytes, where they have been read already.

    Raises:
        DamagedImageError: The file is broken.
        UnsupportedImageError: The film is too large for this machine's memory.
        ImageError: The file cannot be opened at all.
    """
    name = name or path.name
    with _WARNINGS_LOCK, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield Reading(path, name, caught, content=content)
        except EgmaError:
            raise
        except FileNotFoundError as error:
            raise ImageError(f"There is no file {name}.", "Check the path.") from error
        except OSError as error:
            if error.errno in (None, errno.EINVAL):  # a length in the file leads out of it; no errno is pydicom speaking
                raise _contradictory(name) from error
            raise ImageError(f"{name} cannot be read: {error.strerror or 'the system refused'}.", "Check the file.") from error
        except MemoryError as error:
            raise UnsupportedImageError(f"{name} is too large for this machine's memory.") from error
        except BROKEN_INPUT as error:
            raise _contradictory(name) from error


def is_dicom(path: Path) -> bool:
    """Whether a file's content, not its name, looks like DICOM."""
    with path.open("rb") as file:
        start = file.read(132)
    return start[128:] == b"DICM" or _starts_without_preamble(start)


def open_dataset(read: Reading, *, pixels: bool = True) -> Dataset:
    """Parse a DICOM file up to and including its pixel data, or up to it.

    Elements after the pixel data are left unread, so that bytes appended by careless software do no harm. The data
    set returned always names a transfer syntax.

    Args:
        read: The file; oddities are noted in it.
        pixels: Whether to read the pixel data too.

    Raises:
        DamagedImageError: The file is empty, cut off, or no DICOM file.
    """
    name = read.name
    with read.open() as file:
        start = file.read(132)
        bare = start[128:] != b"DICM"
        if not start:
            raise DamagedImageError(f"{name} is empty.", ASK_AGAIN)
        if bare and not _starts_without_preamble(start):
            raise DamagedImageError(
                f"{name} is not a DICOM file{_what_else(start)}.", "Choose a DICOM film; pictures come in with their own import."
            )
        if inflates_too_far(file, 0 if bare else 132):
            raise UnsupportedImageError(f"{name} inflates to more than {MOST_INFLATED_BYTES / 2**30:.0f} GiB.", ASK_AGAIN)
        file.seek(0)
        stream = cast(BinaryIO, file)
        dataset = read_partial(stream, stop_when=_stop(pixels=pixels), force=bare)
        if pixels and not len(dataset):
            file.seek(0)
            header = read_partial(stream, stop_when=_stop(pixels=False), force=bare)
            lost = "its pixel data is cut off" if len(header) else "it holds nothing"
            raise DamagedImageError(f"{name} is damaged: {lost}.", ASK_AGAIN)
    if not len(dataset):
        raise DamagedImageError(f"{name} is damaged: it holds nothing, or its beginning cannot be read.", ASK_AGAIN)
    if bare:
        read.note("The file has no DICOM preamble.")
    _settle_transfer_syntax(read, dataset)
    return dataset


def encoded(dataset: Dataset) -> bytes:
    """A data set as the bytes of a DICOM file; the same data set gives the same bytes.

    `dataset.file_meta.TransferSyntaxUID` says how it is encoded.
    """
    meta = dataset.file_meta
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.ImplementationClassUID = _IMPLEMENTATION
    meta.ImplementationVersionName = "EGMA"
    buffer = io.BytesIO()
    with _WARNINGS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def write_file(path: Path, content: bytes) -> str:
    """Write a file that is durable before it takes its name, and return its SHA-256 in hexadecimal.

    Raises:
        InterchangeError: It cannot be written.
    """
    try:
        _replace(path, content)
    except OSError as error:
        raise InterchangeError(
            f"A film cannot be written to {path.parent}: {error.strerror}.", "Check the disk's space and rights."
        ) from error
    return hashlib.sha256(content).hexdigest()


def new_dataset(syntax: UID) -> Dataset:
    """An empty data set that will be written in the given transfer syntax."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def _contradictory(name: str) -> DamagedImageError:
    return DamagedImageError(f"{name} is damaged: its contents contradict each other.", ASK_AGAIN)


def _replace(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _stop(*, pixels: bool) -> Callable[[BaseTag, str | None, int], bool]:
    """What tells pydicom to stop: after the pixel data or before it, and at an element too many."""
    count = 0

    def stop(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        nonlocal count
        count += 1
        if count > _MOST_ELEMENTS:
            raise ValueError("too many elements")
        return tag > _PIXEL_DATA if pixels else tag.group >= _PIXEL_GROUP

    return stop


def _starts_without_preamble(start: bytes) -> bool:
    # A bare data set starts with group 0002 or 0008 in little endian, and a small element number.
    return start[:2] in (b"\x02\x00", b"\x08\x00") and len(start) >= 8 and start[3] == 0


def _what_else(start: bytes) -> str:
    kinds = {
        b"\x89PNG": " but a PNG picture",
        b"\xff\xd8\xff": " but a JPEG picture",
        b"%PDF": " but a PDF document",
        b"PK\x03\x04": " but an archive",
    }
    return next((kind for magic, kind in kinds.items() if start.startswith(magic)), "")


def _settle_transfer_syntax(read: Reading, dataset: Dataset) -> None:
    if dataset.file_meta.get("TransferSyntaxUID"):
        return
    implicit, little = dataset.original_encoding
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
    dataset.file_meta.TransferSyntaxUID = syntax
    read.note("The file does not say how it is encoded; the encoding was guessed from its first bytes.")


def _without_values(message: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"""(['"]).*\1""", "…", message.split("Please see")[0], flags=re.DOTALL)).strip()
