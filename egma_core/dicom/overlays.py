"""Overlay planes: marks of one bit a pixel that lie over a film (PS3.3 C.9.2), never part of its picture."""

from __future__ import annotations

from collections.abc import MutableSequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from egma_core.dicom.files import BROKEN_INPUT
from egma_core.dicom.tags import as_number

_GROUPS = range(0x6000, 0x6020, 2)


@dataclass(frozen=True)
class OverlayPlane:
    """One overlay plane.

    Attributes:
        group: Its group number, 0x6000 to 0x601E.
        bits: (frames, rows, columns) bool: what is marked.
        row: The film's row, counted from 0, of the plane's first row; may be negative.
        column: The film's column, counted from 0, of the plane's first column; may be negative.
        first_frame: The film's frame, counted from 0, that the plane's first one lies over. A plane of one frame lies over all.
        label: What it is called, or "".
    """

    group: int
    bits: NDArray[np.bool_]
    row: int
    column: int
    first_frame: int
    label: str

    def over(self, rows: int, columns: int, frame: int) -> NDArray[np.bool_]:
        """(rows, columns) bool: which pixels of a film of that size it marks, in a frame counted from 0."""
        marked = np.zeros((rows, columns), np.bool_)
        index = 0 if len(self.bits) == 1 else frame - self.first_frame
        if not 0 <= index < len(self.bits):
            return marked
        top, left = max(self.row, 0), max(self.column, 0)
        part = self.bits[index, top - self.row :, left - self.column :][: max(rows - top, 0), : max(columns - left, 0)]
        marked[top : top + part.shape[0], left : left + part.shape[1]] = part
        return marked


def overlay_planes(dataset: Dataset, unusable: list[str]) -> tuple[OverlayPlane, ...]:
    """The overlay planes of a data set that stand in elements of their own; those in unused bits of the pixels were retired.

    Args:
        dataset: The data set.
        unusable: Takes a sentence if a plane had to be left out.
    """
    found: list[OverlayPlane] = []
    for group in _GROUPS:
        if (group, 0x3000) not in dataset:
            continue
        plane = _plane(dataset, group)
        if plane is None:
            unusable.append("An overlay of the film is not usable and was left out.")
        else:
            found.append(plane)
    return tuple(found)


def _plane(dataset: Dataset, group: int) -> OverlayPlane | None:
    rows, columns, frames = (_integer(dataset, group, element, default) for element, default in ((0x10, 0), (0x11, 0), (0x15, 1)))
    first = _integer(dataset, group, 0x51, 1) - 1
    origin = _value(dataset, group, 0x50)
    stated = isinstance(origin, MutableSequence) and len(origin) == 2
    row, column = (as_number(v) for v in origin) if stated else (1.0, 1.0)
    data = _value(dataset, group, 0x3000)
    n = rows * columns * frames
    if min(rows, columns, frames) < 1 or first < 0 or row is None or column is None or not isinstance(data, bytes) or 8 * len(data) < n:
        return None
    octets = np.frombuffer(data, np.uint8)
    if dataset[group, 0x3000].VR == "OW" and not dataset.file_meta.TransferSyntaxUID.is_little_endian:
        octets = octets[: len(octets) // 2 * 2].reshape(-1, 2)[:, ::-1].ravel()  # words, whose low byte comes first here
    bits = np.unpackbits(octets, count=n, bitorder="little").astype(np.bool_).reshape(frames, rows, columns)
    label = _value(dataset, group, 0x1500)
    return OverlayPlane(group, bits, int(row) - 1, int(column) - 1, first, str(label or "").strip())


def _value(dataset: Dataset, group: int, element: int) -> Any:
    try:
        return dataset[group, element].value if (group, element) in dataset else None
    except BROKEN_INPUT:
        return None


def _integer(dataset: Dataset, group: int, element: int, default: int) -> int:
    value = as_number(_value(dataset, group, element))
    return default if value is None else int(value)
