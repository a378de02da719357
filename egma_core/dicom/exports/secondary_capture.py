"""A film with its overlay as a Secondary Capture (PS3.3 A.8), for people: any PACS and any viewer shows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from highdicom.sc import SCImage
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from egma_core.dicom.exports.objects import (
    MAKER,
    RESEARCH,
    SERIES_NUMBERS,
    Exported,
    object_uid,
    open_source,
    program_version,
    write_object,
)
from egma_core.dicom.tags import values_of
from egma_core.errors import UnsupportedImageError


def write_secondary_capture(folder: str | Path, source: str | Path, picture: NDArray[np.uint8], *, title: str) -> Exported:
    """Write a picture made of a film, uncompressed RGB, referring to the film.

    Args:
        folder: Where the file goes.
        source: The film, de-identified.
        picture: (rows, columns, 3) RGB; it should say in itself that it is no diagnosis, since viewers show little else.
        title: What it shows, for the series' description.

    Raises:
        PrivacyError: The film still says who its patient is.
        UnsupportedImageError: The picture is no RGB picture, or the film cannot be referred to.
        ImageError: The film cannot be read.
        InterchangeError: The file cannot be written.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size or max(picture.shape) > 65535:
        raise UnsupportedImageError(f"A picture of shape {picture.shape} and type {picture.dtype} cannot be written.", "Give 8-bit RGB.")
    film = open_source(source)
    content = np.ascontiguousarray(picture)
    uid = object_uid("overlay", film, content.tobytes(), title.encode())
    directions = [str(v) for v in values_of(film, "PatientOrientation")]
    made = SCImage.from_ref_dataset(
        film,
        content,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        series_instance_uid=object_uid("overlay series", film),
        series_number=SERIES_NUMBERS["overlay"],
        sop_instance_uid=uid,
        instance_number=1,
        manufacturer=MAKER,
        patient_orientation=(directions[0], directions[1]) if len(directions) == 2 else ("L", "F"),
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    if len(directions) != 2:  # highdicom asks for some, the standard takes none, and the film does not say
        made["PatientOrientation"].value = None
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.BurnedInAnnotation = "NO"
    made.ManufacturerModelName = MAKER
    made.SoftwareVersions = program_version()
    made.DerivationDescription = f"{title}. {RESEARCH}."
    made.ImageComments = RESEARCH
    made.SourceImageSequence = [_reference(film)]
    return write_object(folder, "overlay", made, film, title)


def _reference(film: Dataset) -> Dataset:
    purpose = Dataset()
    code = codes.DCM.SourceImageForImageProcessingOperation
    purpose.CodeValue, purpose.CodingSchemeDesignator, purpose.CodeMeaning = code.value, code.scheme_designator, code.meaning
    reference = Dataset()
    reference.ReferencedSOPClassUID = film.SOPClassUID
    reference.ReferencedSOPInstanceUID = film.SOPInstanceUID
    reference.PurposeOfReferenceCodeSequence = [purpose]
    return reference
