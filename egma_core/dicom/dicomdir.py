"""DICOMDIR: the index of a disc (PS3.3 F, PS3.10 8.6), read for no more than the files that it lists."""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import MediaStorageDirectoryStorage

from egma_core.dicom.files import is_dicom, open_dataset, reading
from egma_core.dicom.tags import items, text, values_of
from egma_core.errors import ImageError


def is_dicomdir(path: Path) -> bool:
    """Whether a file is an index, by its content; False for one that is broken or no DICOM at all."""
    try:
        if not is_dicom(path):
            return False
        with reading(path) as read:
            return _is_index(open_dataset(read, pixels=False))
    except (ImageError, OSError):
        return False


def listed_files(path: Path) -> list[Path]:
    """The files that an index lists, in its order, each once; empty where it cannot be relied on.

    It cannot if it is broken, lists nothing, or lists a file that is not there or lies outside the index's folder: then
    only the folder itself tells what is on the disc.
    """
    try:
        with reading(path) as read:
            index = open_dataset(read, pixels=False)
            if not _is_index(index):
                return []
            ids = [[str(part) for part in values_of(item, "ReferencedFileID")] for item in items(index, "DirectoryRecordSequence")]
    except ImageError:
        return []
    root = path.parent.resolve()
    found: dict[Path, None] = {}
    for parts in ids:
        if parts:
            file = _below(root, parts)
            if file is None:
                return []
            found[file] = None
    return list(found)


def _is_index(dataset: Dataset) -> bool:
    kind = str(dataset.file_meta.get("MediaStorageSOPClassUID", "")) or text(dataset, "SOPClassUID")
    return kind == MediaStorageDirectoryStorage or "DirectoryRecordSequence" in dataset


def _below(root: Path, parts: list[str]) -> Path | None:
    """A listed file; discs are often copied by systems that change the case of names."""
    for spelling in (parts, [part.lower() for part in parts], [part.upper() for part in parts]):
        file = root.joinpath(*spelling).resolve()
        if file.is_file() and file.is_relative_to(root):
            return file
    return None
