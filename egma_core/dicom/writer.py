"""Writing new films as DICOM: phantoms, and pictures of public sets. Only for films that name nobody."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from egma_core.dicom.files import encoded, new_dataset, write_file
from egma_core.dicom.image import Window
from egma_core.errors import UnsupportedImageError

SOP_CLASSES = {"CR": ComputedRadiographyImageStorage, "DX": DigitalXRayImageStorageForPresentation}
"""SOP class by modality; anything else is a secondary capture."""

_EMPTY = (
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "Manufacturer",
)


@dataclass(frozen=True)
class FilmTags:
    """What a new film says about itself.

    Attributes:
        patient_id: Pseudonym of the patient, or a phantom's name.
        study_uid: Study Instance UID.
        series_uid: Series Instance UID.
        instance_uid: SOP Instance UID.
        modality: CR and DX films get the SOP class of that name; all others are secondary captures.
        bits_stored: Bits that carry the value; None for all bits of the pixels' type.
        window: How the film should be shown, or None.
        pixel_spacing_mm: (down, across) mm between pixel centres on the detector, or None.
        view_position: PA, AP, LL, ... or "".
        patient_orientation: (rows' direction, columns' direction) such as ("L", "F"), or ("", "").
    """

    patient_id: str
    study_uid: str
    series_uid: str
    instance_uid: str
    modality: str = "CR"
    bits_stored: int | None = None
    window: Window | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    view_position: str = ""
    patient_orientation: tuple[str, str] = ("", "")


def write_film(path: str | Path, pixels: NDArray[np.uint8] | NDArray[np.uint16], tags: FilmTags) -> str:
    """Write a grey film, high values bright, as uncompressed DICOM; the same input gives the same bytes.

    Args:
        path: The file to write; one that is there is replaced once the new one is complete.
        pixels: (rows, columns) uint8 or uint16.
        tags: What the film says about itself.

    Returns:
        Hexadecimal SHA-256 of the file.

    Raises:
        UnsupportedImageError: The pixels are of another type or shape, or do not fit the bits stored.
        InterchangeError: The file cannot be written.
    """
    stored = _bits(pixels, tags)
    dataset = new_dataset(ExplicitVRLittleEndian)
    dataset.SOPClassUID = SOP_CLASSES.get(tags.modality, SecondaryCaptureImageStorage)
    dataset.SOPInstanceUID = tags.instance_uid
    dataset.StudyInstanceUID = tags.study_uid
    dataset.SeriesInstanceUID = tags.series_uid
    dataset.Modality = tags.modality
    dataset.ViewPosition = tags.view_position
    dataset.PatientOrientation = list(tags.patient_orientation) if all(tags.patient_orientation) else ""
    dataset.BurnedInAnnotation = "NO"
    if dataset.SOPClassUID == SecondaryCaptureImageStorage:
        dataset.ConversionType = "WSD"
    mark_deidentified(dataset, tags.patient_id)
    _describe_pixels(dataset, pixels, stored)
    _describe_display(dataset, tags)
    dataset.PixelData = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<")).tobytes() + b"\0" * (pixels.nbytes % 2)
    return write_file(Path(path), encoded(dataset))


def mark_deidentified(dataset: Dataset, patient: str) -> None:
    """Name the patient by a pseudonym, leave empty what DICOM wants present, and state that identity was removed.

    PS3.15 E.1-1; code 113100 is the Basic Application Confidentiality Profile, no option of which is used.
    """
    for keyword in _EMPTY:
        setattr(dataset, keyword, "")
    dataset.PatientID = patient
    dataset.PatientName = patient
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "EGMA: allow-list of tags, keyed pseudonyms"
    profile = Dataset()
    profile.CodeValue = "113100"
    profile.CodingSchemeDesignator = "DCM"
    profile.CodeMeaning = "Basic Application Confidentiality Profile"
    dataset.DeidentificationMethodCodeSequence = [profile]
    dataset.LongitudinalTemporalInformationModified = "REMOVED"


def _bits(pixels: NDArray[Any], tags: FilmTags) -> int:
    if pixels.dtype.name not in ("uint8", "uint16") or pixels.ndim != 2 or not pixels.size or max(pixels.shape) > 65535:
        what = f"A film cannot be made of {pixels.dtype} pixels of shape {pixels.shape}."
        raise UnsupportedImageError(what, "Give rows and columns of 8 or 16-bit unsigned numbers.")
    stored = tags.bits_stored or pixels.dtype.itemsize * 8
    if not 1 <= stored <= pixels.dtype.itemsize * 8 or int(pixels.max()) >= 2**stored:
        raise UnsupportedImageError(
            f"Pixels up to {int(pixels.max())} do not fit into {stored} bits.", "State as many bits as the pixels need."
        )
    return stored


def _describe_pixels(dataset: Dataset, pixels: NDArray[Any], stored: int) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.BitsStored = stored
    dataset.HighBit = stored - 1
    dataset.PixelRepresentation = 0


def _describe_display(dataset: Dataset, tags: FilmTags) -> None:
    if tags.modality == "DX":
        dataset.PresentationLUTShape = "IDENTITY"
    if tags.window is not None:
        dataset.WindowCenter = _decimal(tags.window.center)
        dataset.WindowWidth = _decimal(tags.window.width)
        dataset.VOILUTFunction = tags.window.function
    if tags.pixel_spacing_mm is not None:
        spacing = [_decimal(v) for v in tags.pixel_spacing_mm]
        dataset.PixelSpacing = spacing
        dataset.ImagerPixelSpacing = spacing


def _decimal(value: float) -> str:
    """A decimal string (VR DS) of at most 16 characters."""
    return next(text for text in (repr(float(value)), f"{value:.10g}", f"{value:.8g}") if len(text) <= 16)
