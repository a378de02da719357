"""Reading films: `read_image` for the pixels and all that showing them needs, `read_header` for lists of films."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from egma_core.dicom import description
from egma_core.dicom.decoding import decode, pixel_format
from egma_core.dicom.files import Reading, open_dataset, reading
from egma_core.dicom.image import DicomImage
from egma_core.dicom.tags import text


@dataclass(frozen=True)
class FilmHeader:
    """What a list of films shows; identifiers are as the file has them, "" where it has none.

    Attributes:
        patient_id: Patient ID.
        study_uid: Study Instance UID.
        series_uid: Series Instance UID.
        instance_uid: SOP Instance UID.
        sop_class_uid: SOP Class UID.
        modality: CR, DX, ... or "".
        view_position: PA, AP, LL, ... or "".
        rows: Pixels down.
        columns: Pixels across.
        frames: How many frames there are.
    """

    patient_id: str
    study_uid: str
    series_uid: str
    instance_uid: str
    sop_class_uid: str
    modality: str
    view_position: str
    rows: int
    columns: int
    frames: int


def read_image(path: str | Path, *, frame: int | None = None) -> DicomImage:
    """Read a film of any transfer syntax that an installed decoder reads.

    Args:
        path: A DICOM file, whatever its name.
        frame: Which frame to decode, counted from 0; None for all of them.

    Returns:
        The film. What was odd about the file is in its `notes`.

    Raises:
        UnsupportedImageError: It is sound, but no film (a report, a mask), or of a kind that is not shown.
        MissingDecoderError: It is compressed in a way that no installed decoder reads.
        DamagedImageError: It is cut off, corrupt or no DICOM file.
        ImageError: There is no such file, or it cannot be opened.
    """
    with reading(Path(path)) as read:
        return image_of(read, open_dataset(read), frame)


def read_header(path: str | Path) -> FilmHeader:
    """Read what a list of films shows, without touching the pixels.

    Raises:
        UnsupportedImageError: It holds no picture, or one of a kind that is not shown.
        MissingDecoderError: It is compressed in a way that no installed decoder reads.
        DamagedImageError: It is cut off, corrupt or no DICOM file.
        ImageError: There is no such file, or it cannot be opened.
    """
    with reading(Path(path)) as read:
        return header_of(read, open_dataset(read, pixels=False))


def header_of(read: Reading, dataset: Dataset) -> FilmHeader:
    """The header of an open data set; raises as `read_header` does."""
    form = pixel_format(read, dataset)
    return FilmHeader(
        patient_id=text(dataset, "PatientID"),
        study_uid=text(dataset, "StudyInstanceUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        instance_uid=text(dataset, "SOPInstanceUID"),
        sop_class_uid=text(dataset, "SOPClassUID"),
        modality=text(dataset, "Modality").upper(),
        view_position=description.view_position(dataset),
        rows=form.rows,
        columns=form.columns,
        frames=form.frames,
    )


def image_of(read: Reading, dataset: Dataset, frame: int | None = None) -> DicomImage:
    """The film of an open data set; raises as `read_image` does."""
    form = pixel_format(read, dataset)
    header = header_of(read, dataset)
    pixels = decode(read, dataset, form, frame)
    table = None if form.is_colour else description.modality_lut(read, dataset, form.signed)
    slope, intercept = description.rescale(read, dataset)
    signed_output = table is None and (form.signed or intercept < 0)
    spacing, source = description.pixel_spacing(dataset, header.modality)
    if not header.instance_uid:
        read.note("The film has no instance UID.")
    return DicomImage(
        pixels=pixels,
        offset=32768 if form.signed and not form.is_colour else 0,
        bits_stored=8 if form.is_colour else form.bits_stored,
        modality_lut=table,
        slope=slope,
        intercept=intercept,
        windows=() if form.is_colour else description.windows(read, dataset),
        voi_luts=() if form.is_colour else description.voi_luts(read, dataset, signed_output),
        inverted=not form.is_colour and description.is_inverted(dataset, form.photometric),
        padding=None if form.is_colour else description.padding(dataset, form),
        pixel_spacing_mm=spacing,
        spacing_source=source,
        pixel_aspect=description.pixel_aspect(dataset, spacing),
        modality=header.modality,
        view_position=header.view_position,
        patient_orientation=description.patient_orientation(dataset),
        study_uid=header.study_uid,
        series_uid=header.series_uid,
        instance_uid=header.instance_uid,
        sop_class_uid=header.sop_class_uid,
        notes=read.notes,
    )
