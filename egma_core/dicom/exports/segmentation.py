"""Maps over a film as one fractional Segmentation (PS3.3 A.51), for machines: numbers on the film's own grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from highdicom.content import AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentDescription
from highdicom.sr.coding import CodedConcept
from numpy.typing import NDArray
from pydicom.sr.codedict import codes
from pydicom.uid import RLELossless

from egma_core.dicom.exports.objects import (
    MAKER,
    RESEARCH,
    SCHEME,
    SERIES_NUMBERS,
    Exported,
    object_uid,
    open_source,
    program_version,
    write_object,
)
from egma_core.dicom.tags import integer
from egma_core.errors import UnsupportedImageError

MapKind = Literal["gaze", "similarity"]

_CATEGORY = CodedConcept("309825002", "SCT", "Spatial and Relational Concept")
_TYPES = {
    "gaze": CodedConcept("GAZE_DENSITY", SCHEME, "Density of a reader's gaze"),
    "similarity": CodedConcept("SIMILARITY", SCHEME, "Similarity of image and text"),
}
_STEPS = 255  # what stands for 1; the rest of an 8-bit value


@dataclass(frozen=True)
class FilmMap:
    """A map over a film, to be written as one segment.

    Attributes:
        kind: What it is a map of.
        label: Its name, such as the sentence it belongs to.
        values: (rows, columns) numbers on the film's grid; NaN where there is none.
        low: The value that is written as 0.
        high: The value that is written as 1.
    """

    kind: MapKind
    label: str
    values: NDArray[np.floating]
    low: float = 0.0
    high: float = 1.0

    def fractions(self) -> NDArray[np.float32]:
        """(rows, columns) float32 in 0..1; 0 where there is no value."""
        span = self.high - self.low if self.high > self.low else 1.0
        share = (np.asarray(self.values, dtype=np.float32) - np.float32(self.low)) / np.float32(span)
        return np.clip(np.nan_to_num(share, nan=0.0), 0.0, 1.0)


def write_segmentation(folder: str | Path, source: str | Path, maps: Sequence[FilmMap], *, title: str) -> Exported:
    """Write maps over a film, one segment each, in 256 steps, referring to the film.

    The standard knows two kinds of fractions, probability and occupancy. These maps are neither chances nor shares of
    tissue; occupancy claims less, and each segment's description says what its numbers are.

    Args:
        folder: Where the file goes.
        source: The film, de-identified, of one frame.
        maps: The maps.
        title: What they show, for the series' description.

    Raises:
        PrivacyError: The film still says who its patient is.
        UnsupportedImageError: A map is not of the film's size, there is none, or the film has several frames or no UIDs.
        ImageError: The film cannot be read.
        InterchangeError: The file cannot be written.
    """
    film = open_source(source)
    shape = (integer(film, "Rows", 0), integer(film, "Columns", 0))
    if integer(film, "NumberOfFrames", 1) > 1:
        raise UnsupportedImageError("Maps over a film of several frames cannot be written.", "Choose a film of one frame.")
    if not maps or any(one.values.shape != shape for one in maps):
        raise UnsupportedImageError(f"There is no map, or one that is not of the film's {shape} pixels.", "Make the maps of this film.")
    fractions = np.stack([one.fractions() for one in maps], axis=-1)[None]
    labels = "\n".join(f"{one.kind} {one.label} {one.low!r} {one.high!r}" for one in maps)
    made = Segmentation(
        source_images=[film],
        pixel_array=fractions,
        segmentation_type="FRACTIONAL",
        segment_descriptions=[_description(number, one) for number, one in enumerate(maps, start=1)],
        series_instance_uid=object_uid("maps series", film),
        series_number=SERIES_NUMBERS["maps"],
        sop_instance_uid=object_uid("maps", film, fractions.tobytes(), labels.encode(), title.encode()),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=MAKER,
        software_versions=program_version(),
        device_serial_number="none",
        fractional_type="OCCUPANCY",
        max_fractional_value=_STEPS,
        content_description=RESEARCH,
        content_label="EGMA_MAPS",
        transfer_syntax_uid=RLELossless,
        omit_empty_frames=False,
    )
    return write_object(folder, "maps", made, film, title)


def _description(number: int, one: FilmMap) -> SegmentDescription:
    described = SegmentDescription(
        segment_number=number,
        segment_label=one.label[:64] or f"{one.kind} {number}",
        segmented_property_category=_CATEGORY,
        segmented_property_type=_TYPES[one.kind],
        algorithm_type="AUTOMATIC",
        algorithm_identification=AlgorithmIdentificationSequence(
            name=MAKER, family=codes.DCM.ArtificialIntelligence, version=program_version()
        ),
    )
    meaning = {
        "gaze": "looking time, as a share of the place looked at longest",
        "similarity": "cosine of image patch and sentence, not the chance that a finding is present",
    }[one.kind]
    described.SegmentDescription = f"{one.label}\n{meaning}; 0 stands for {one.low:g}, {_STEPS} for {one.high:g}. {RESEARCH}."[:1024]
    return described
