"""What a data set says about showing its pixels: LUTs, windows, polarity, padding, spacing, view.

PS3.3 C.7.6.3 (pixels), C.11.1 (modality LUT), C.11.2 (VOI LUT), C.8.11.3 (DX), 10.7.1.3 (spacing).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from egma_core.dicom.files import Reading
from egma_core.dicom.functional_groups import orientation_of_cosines, shared_item, windows_in
from egma_core.dicom.image import LookupTable, Window
from egma_core.dicom.pixel_format import PixelFormat
from egma_core.dicom.tags import as_number, items, number, numbers, text, value_of, values_of

PROJECTIONS = ("CR", "DX", "IO", "MG", "PX", "RF", "RG", "XA")
"""Modalities whose pixels lie on a detector behind the patient, so that their spacing is not that of the body."""

VIEW_CODES = {
    "399348003": "AP",
    "R-10206": "AP",
    "272479007": "PA",
    "R-10214": "PA",
    "399173006": "LL",
    "R-10236": "LL",
    "399198007": "RL",
    "R-10232": "RL",
}
"""Codes of PS3.16 CID 4010 (SNOMED CT, and SRT before it) and the View Position that each stands for."""


def view_position(dataset: Dataset) -> str:
    """PA, AP, LL, ... from View Position or else the view's code; "" where neither says."""
    named = text(dataset, "ViewPosition").upper()
    coded = (VIEW_CODES.get(text(item, "CodeValue"), "") for item in items(dataset, "ViewCodeSequence"))
    return named or next(coded, "")


def patient_orientation(dataset: Dataset) -> tuple[str, str]:
    """Where rows and columns run to, such as ("L", "F"), stated or by direction cosines; ("", "") where the file does not say."""
    directions = [str(v).strip().upper() for v in values_of(dataset, "PatientOrientation")]
    return (directions[0], directions[1]) if len(directions) == 2 else orientation_of_cosines(dataset)


def is_inverted(dataset: Dataset, photometric: str) -> bool:
    """Whether low values are bright.

    In a DX film, MONOCHROME1 and presentation LUT shape INVERSE state one fact twice; the shape decides where it is
    present, so that it is never counted twice.
    """
    shape = text(dataset, "PresentationLUTShape").upper()
    return shape == "INVERSE" if shape in ("IDENTITY", "INVERSE") else photometric == "MONOCHROME1"


def rescale(read: Reading, dataset: Dataset) -> tuple[float, float]:
    """Rescale slope and intercept; 1 and 0 where absent or unusable."""
    slope, intercept = number(dataset, "RescaleSlope", 1.0), number(dataset, "RescaleIntercept", 0.0)
    if slope == 0.0:
        read.note("The film's rescale slope is 0 and was not used.")
        return 1.0, 0.0
    return slope, intercept


def modality_lut(read: Reading, dataset: Dataset, signed: bool) -> LookupTable | None:
    """The modality LUT of the film, if it has one."""
    tables = _tables(read, dataset, "ModalityLUTSequence", signed)
    return tables[0] if tables else None


def voi_luts(read: Reading, dataset: Dataset, signed: bool) -> tuple[LookupTable, ...]:
    """The VOI LUTs of the film, in order."""
    return _tables(read, dataset, "VOILUTSequence", signed)


def windows(read: Reading, dataset: Dataset) -> tuple[Window, ...]:
    """The usable windows that stand for the whole film, in order; the others are noted."""
    return windows_in(dataset, read.remarks)


def presentation_lut(read: Reading, dataset: Dataset) -> LookupTable | None:
    """The presentation LUT of the film, if it has a table (PS3.3 C.11.6)."""
    tables = _tables(read, dataset, "PresentationLUTSequence", signed=False)
    return tables[0] if tables else None


def padding(dataset: Dataset, form: PixelFormat) -> tuple[int, int] | None:
    """(low, high) stored values that mean "no picture here" (PS3.3 C.7.5.1.1.2), or None."""
    value = as_number(value_of(dataset, "PixelPaddingValue"))
    if value is None:
        return None
    limit = as_number(value_of(dataset, "PixelPaddingRangeLimit"))
    ends = [_as_stored(int(v), form) for v in (value, value if limit is None else limit)]
    return min(ends), max(ends)


def pixel_spacing(dataset: Dataset, modality: str) -> tuple[tuple[float, float] | None, str]:
    """(down, across) mm between pixel centres and what it refers to: `calibrated`, `detector`, `estimated` or ""."""
    measures = dataset if "PixelSpacing" in dataset else shared_item(dataset, "PixelMeasuresSequence") or dataset
    stated, detector = _spacing(measures, "PixelSpacing"), _spacing(dataset, "ImagerPixelSpacing")
    if stated is not None:
        calibrated = text(dataset, "PixelSpacingCalibrationType") or (detector is not None and detector != stated)
        return stated, "calibrated" if calibrated or modality not in PROJECTIONS else "detector"
    if detector is not None:
        factor = _magnification(dataset)
        return (detector[0] / factor, detector[1] / factor), "detector" if factor == 1.0 else "estimated"
    scanned = _spacing(dataset, "NominalScannedPixelSpacing")
    return scanned, "detector" if scanned else ""


def pixel_aspect(dataset: Dataset, spacing: tuple[float, float] | None) -> float:
    """Height of a pixel divided by its width (PS3.3 C.7.6.3.1.7); 1 where the file does not say."""
    if spacing is not None:
        return spacing[0] / spacing[1]
    ratio = numbers(dataset, "PixelAspectRatio")
    return ratio[0] / ratio[1] if len(ratio) == 2 and min(ratio) > 0 else 1.0


def _spacing(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    found = numbers(dataset, keyword)
    return (found[0], found[1]) if len(found) == 2 and min(found) > 0 else None


def _magnification(dataset: Dataset) -> float:
    stated = number(dataset, "EstimatedRadiographicMagnificationFactor", 0.0)
    if stated > 0:
        return stated
    to_detector, to_patient = number(dataset, "DistanceSourceToDetector", 0.0), number(dataset, "DistanceSourceToPatient", 0.0)
    return to_detector / to_patient if to_detector > to_patient > 0 else 1.0


def _as_stored(value: int, form: PixelFormat) -> int:
    # Signed and unsigned readings of one element differ by a power of two when its VR was ambiguous.
    value &= 2**form.bits_allocated - 1
    return value - 2**form.bits_allocated if form.signed and value >= 2 ** (form.bits_allocated - 1) else value


def _tables(read: Reading, dataset: Dataset, keyword: str, signed: bool) -> tuple[LookupTable, ...]:
    found = [_table(dataset, item, signed) for item in items(dataset, keyword)]
    if None in found:
        read.note("A lookup table of the film is not usable and was left out.")
    return tuple(table for table in found if table is not None)


def _table(dataset: Dataset, item: Dataset, signed: bool) -> LookupTable | None:
    descriptor = numbers(item, "LUTDescriptor")
    if len(descriptor) != 3:
        return None
    n, first, bits = (int(v) for v in descriptor)
    little = dataset.file_meta.TransferSyntaxUID.is_little_endian
    values = _entries(item, (n & 0xFFFF) or 65536, bits, little)
    if values is None or values.max(initial=0.0) <= 0:
        return None
    return LookupTable(first - 65536 if signed and first >= 32768 else first, values, text(item, "LUTExplanation"))


def _entries(item: Dataset, n: int, bits: int, little: bool) -> NDArray[np.float64] | None:
    data: Any = value_of(item, "LUTData")
    if isinstance(data, bytes):
        packed = bits <= 8 and len(data) < 2 * n
        values = np.frombuffer(data, "u1") if packed else np.frombuffer(data[: len(data) // 2 * 2], "<u2" if little else ">u2")
    else:
        values = np.array([int(v) & 0xFFFF for v in numbers(item, "LUTData")], np.uint16)
        if bits <= 8 and len(values) < n:
            values = values.astype("<u2").view("u1")
    return values[:n].astype(np.float64) if len(values) >= n else None
