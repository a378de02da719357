"""Values of DICOM elements as plain Python, tolerant of what real files hold: bad values read as absent."""

from __future__ import annotations

import math
from collections.abc import Iterable, MutableSequence
from typing import Any

from pydicom.dataset import Dataset

from egma_core.dicom.files import BROKEN_INPUT


def value_of(dataset: Dataset, keyword: str) -> Any:
    """An element's value as pydicom gives it; None where the element is absent, empty or unreadable."""
    try:
        value = dataset.get(keyword)
    except BROKEN_INPUT:
        return None
    return None if value is None or value == "" else value


def values_of(dataset: Dataset, keyword: str) -> list[Any]:
    """All values of an element; none where it is absent, empty or unreadable."""
    value = value_of(dataset, keyword)
    if value is None:
        return []
    return list(value) if isinstance(value, MutableSequence | tuple) else [value]


def text(dataset: Dataset, keyword: str) -> str:
    """An element's first value as text without padding; "" where there is none."""
    values = values_of(dataset, keyword)
    return str(values[0]).strip(" \0") if values else ""


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """An element's values as finite numbers; empty if any value is not one."""
    found = [as_number(v) for v in values_of(dataset, keyword)]
    return [] if None in found else [v for v in found if v is not None]


def number(dataset: Dataset, keyword: str, default: float) -> float:
    """An element's first value as a finite number, or the default."""
    found = numbers(dataset, keyword)
    return found[0] if found else default


def integer(dataset: Dataset, keyword: str, default: int) -> int:
    """An element's first value as an integer, or the default."""
    return int(number(dataset, keyword, default))


def items(dataset: Dataset, keyword: str) -> Iterable[Dataset]:
    """The items of a sequence; none where it is absent or unreadable."""
    return [item for item in values_of(dataset, keyword) if isinstance(item, Dataset)]


def as_number(value: Any) -> float | None:
    """A finite number, or None."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None
