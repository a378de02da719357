"""Films that say frame by frame how they are shown: windows, rescaling, spacing and orientation of enhanced objects.

PS3.3 C.7.6.16: what all frames share stands once, what differs stands with each frame, and goes before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from pydicom.dataset import Dataset

from egma_core.dicom.image import Rescale, Window
from egma_core.dicom.tags import as_number, items, number, numbers, text, value_of, values_of

_FUNCTIONS: dict[str, Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]] = {
    "LINEAR": "LINEAR",
    "LINEAR_EXACT": "LINEAR_EXACT",
    "SIGMOID": "SIGMOID",
}
_KEPT = {
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth"),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept"),
    "PixelMeasuresSequence": ("PixelSpacing",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
}
_OBLIQUE = 0.25  # cosine from which a second and third letter are told


def windows_in(dataset: Dataset, unusable: list[str]) -> tuple[Window, ...]:
    """The usable windows of a data set or of a functional group, in order (PS3.3 C.11.2.1.2).

    Args:
        dataset: The data set, or an item of Frame VOI LUT Sequence.
        unusable: Takes a sentence if a window had to be left out.
    """
    function = _FUNCTIONS.get(text(dataset, "VOILUTFunction").upper(), "LINEAR")
    names = [str(v).strip() for v in values_of(dataset, "WindowCenterWidthExplanation")]
    found: list[Window] = []
    stated = zip(values_of(dataset, "WindowCenter"), values_of(dataset, "WindowWidth"), strict=False)
    for position, (center, width) in enumerate(stated):
        c, w = as_number(center), as_number(width)
        if c is None or w is None or w <= 0.0:
            unusable.append("A window of the film is not usable and was left out.")
            continue
        kind = "LINEAR_EXACT" if function == "LINEAR" and w < 1.0 else function
        found.append(Window(c, w, kind, names[position] if position < len(names) else ""))
    return tuple(found)


def windows_by_frame(dataset: Dataset, frames: Sequence[int], unusable: list[str]) -> tuple[tuple[Window, ...], ...]:
    """The windows of each of some frames, counted from 0; empty if the film does not state them frame by frame."""
    found = tuple(_windows_of(group, unusable) for group in _groups(dataset, "FrameVOILUTSequence", frames))
    return found if any(found) else ()


def rescales_by_frame(dataset: Dataset, frames: Sequence[int]) -> tuple[Rescale, ...]:
    """The rescaling of each of some frames, counted from 0; empty if the film does not state it frame by frame."""
    stated = list(_groups(dataset, "PixelValueTransformationSequence", frames))
    if all(group is None for group in stated):
        return ()
    return tuple(_rescale_of(group) for group in stated)


def shared_item(dataset: Dataset, keyword: str) -> Dataset | None:
    """What all frames, or at least the first one, say in a functional group; None where they say nothing."""
    return next(_groups(dataset, keyword, (0,)))


def numbers_of_groups(dataset: Dataset) -> dict[str, list[Dataset]]:
    """The functional groups as far as showing and measuring a film needs them: numbers that parse, and nothing else.

    Returns:
        Items of new data sets by the keyword of their sequence, without sequences that would be empty.
    """
    found: dict[str, list[Dataset]] = {}
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        groups = [_numbers_of(group) for group in items(dataset, keyword)]
        if any(len(group) for group in groups):
            found[keyword] = groups
    return found


def frame_rate_hz(dataset: Dataset) -> float | None:
    """Frames a second at which the film is meant to run; None where it does not say, or is no film to be run."""
    for keyword in ("RecommendedDisplayFrameRate", "CineRate"):
        rate = number(dataset, keyword, 0.0)
        if rate > 0.0:
            return rate
    milliseconds = numbers(dataset, "FrameTime") or [v for v in numbers(dataset, "FrameTimeVector") if v > 0.0][:1]
    return 1000.0 / milliseconds[0] if milliseconds and milliseconds[0] > 0.0 else None


def orientation_of_cosines(dataset: Dataset) -> tuple[str, str]:
    """Where rows and columns run to, such as ("L", "F"), from Image Orientation (Patient); ("", "") where it is not stated."""
    plane = dataset if value_of(dataset, "ImageOrientationPatient") is not None else shared_item(dataset, "PlaneOrientationSequence")
    cosines = numbers(plane, "ImageOrientationPatient") if plane is not None else []
    return (_letters(cosines[:3]), _letters(cosines[3:])) if len(cosines) == 6 else ("", "")


def _numbers_of(group: Dataset) -> Dataset:
    kept = Dataset()
    for keyword, names in _KEPT.items():
        for item in list(items(group, keyword))[:1]:
            inner = Dataset()
            for name in names:
                if numbers(item, name):
                    inner.add(item[name])
            function = text(item, "VOILUTFunction").upper()
            if keyword == "FrameVOILUTSequence" and function in _FUNCTIONS:
                inner.VOILUTFunction = function
            setattr(kept, keyword, [inner])
    return kept


def _groups(dataset: Dataset, keyword: str, frames: Sequence[int]) -> Iterator[Dataset | None]:
    shared = next((item for group in items(dataset, "SharedFunctionalGroupsSequence") for item in items(group, keyword)), None)
    own = list(items(dataset, "PerFrameFunctionalGroupsSequence"))
    for frame in frames:
        yield next(iter(items(own[frame], keyword)), shared) if frame < len(own) else shared


def _windows_of(group: Dataset | None, unusable: list[str]) -> tuple[Window, ...]:
    return () if group is None else windows_in(group, unusable)


def _rescale_of(group: Dataset | None) -> Rescale:
    if group is None:
        return Rescale(1.0, 0.0)
    return Rescale(number(group, "RescaleSlope", 1.0) or 1.0, number(group, "RescaleIntercept", 0.0))


def _letters(cosines: list[float]) -> str:
    """The patient's sides that a direction runs towards, the nearest first (PS3.3 C.7.6.1.1.1); x runs left, y back, z up."""
    towards = ("L", "P", "H")
    parts = sorted(((abs(c), axis) for axis, c in enumerate(cosines) if abs(c) > _OBLIQUE), reverse=True)
    away = {"L": "R", "P": "A", "H": "F"}
    return "".join(towards[axis] if cosines[axis] > 0 else away[towards[axis]] for _, axis in parts)
