"""Reading films: `read_image` for the pixels and all that showing them needs, `read_header` for lists of films."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from egma_core.dicom import description, functional_groups
from egma_core.dicom.apart import Decoder, shared_decoder
from egma_core.dicom.decoding import decode
from egma_core.dicom.files import ASK_AGAIN, Reading, open_dataset, reading
from egma_core.dicom.image import DicomImage
from egma_core.dicom.overlays import overlay_planes
from egma_core.dicom.pixel_format import pixel_format
from egma_core.dicom.shutters import shutter_of
from egma_core.dicom.tags import text
from egma_core.errors import DamagedImageError


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

    It is decoded in this process, which is quickest, and right for files that were decoded before: films of a library,
    phantoms. Files of strangers go through `read_foreign`.

    Args:
        path: A DICOM file, whatever its name.
        frame: Which frame to decode, counted from 0; None for all of them.

    Returns:
        The film. What was odd about the file is in its `notes`.

    Raises:
        UnsupportedImageError: It is sound, but no film (a report, a mask), or of a kind that is not shown, or too large.
        MissingDecoderError: It is compressed in a way that no installed decoder reads.
        DamagedImageError: It is cut off, corrupt or no DICOM file.
        ImageError: There is no such file, or it cannot be opened.
    """
    return _read(Path(path), None, frame)


def read_copy(path: str | Path, sha256: str, *, frame: int | None = None) -> DicomImage:
    """Read a film of a library, after checking that its file is, to the last bit, the one that was imported.

    No decoder tells a damaged JPEG 2000 or JPEG Lossless film from a sound one, and no viewer a film that was exchanged
    for another; the checksum does both.

    Args:
        path: The library's copy.
        sha256: Hexadecimal SHA-256 that the library keeps for it.
        frame: Which frame to decode, counted from 0; None for all of them.

    Raises:
        DamagedImageError: The file is another one than was imported.
        ImageError: It cannot be read; as `read_image`.
    """
    path = Path(path)
    with reading(path):
        content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256.lower():
        raise DamagedImageError(
            f"{path.name} is not the film that was imported: its checksum differs.",
            "Import the film again, or restore the library's folder.",
        )
    return _read(path, content, frame)


def read_foreign(path: str | Path, *, frame: int | None = None, decoder: Decoder | None = None) -> DicomImage:
    """Read a film that nobody has vouched for: parsed and decoded by a process that may die of it, within limits.

    What this process reads itself is the header, after the other one has survived doing so.

    Args:
        path: A DICOM file, whatever its name.
        frame: Which frame to decode, counted from 0; None for all of them.
        decoder: The process to use; None for the one that is kept.

    Raises:
        DamagedImageError: As `read_image`; or the film ended its decoder or took it too long.
        ImageError: As `read_image`.
    """
    path = Path(path)
    decoded = (decoder or shared_decoder()).decode(path, frame)
    assert decoded.pixels is not None
    with reading(path) as read:
        image = image_of(read, open_dataset(read, pixels=False), decoded.pixels, frame)
    return replace(image, notes=tuple(dict.fromkeys([*decoded.notes, *image.notes])))


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


def image_of(read: Reading, dataset: Dataset, pixels: NDArray[np.uint16] | NDArray[np.uint8], frame: int | None = None) -> DicomImage:
    """The film of an open data set whose pixels have been decoded.

    Args:
        read: The file; oddities are noted in it.
        dataset: The data set, whose pixel data may have been left unread.
        pixels: What `decode` made of it.
        frame: Which frame the pixels are, counted from 0; None for all of them.

    Raises:
        DamagedImageError: The pixels do not have the size that the header names.
        UnsupportedImageError: It is of a kind that is not shown.
    """
    form = pixel_format(read, dataset)
    if pixels.shape[:3] != (form.frames if frame is None else 1, form.rows, form.columns):
        raise DamagedImageError(f"{read.name} is damaged: its contents contradict each other.", ASK_AGAIN)
    header = header_of(read, dataset)
    table = None if form.is_colour else description.modality_lut(read, dataset, form.signed)
    slope, intercept = description.rescale(read, dataset)
    signed_output = table is None and (form.signed or intercept < 0)
    spacing, source = description.pixel_spacing(dataset, header.modality)
    aspect = description.pixel_aspect(dataset, spacing)
    frames = range(form.frames) if frame is None else range(frame, frame + 1)
    own = () if form.is_colour else functional_groups.windows_by_frame(dataset, frames, read.remarks)
    presentation = None if form.is_colour else description.presentation_lut(read, dataset)
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
        inverted=not form.is_colour and presentation is None and description.is_inverted(dataset, form.photometric),
        presentation_lut=presentation,
        padding=None if form.is_colour else description.padding(dataset, form),
        pixel_spacing_mm=spacing,
        spacing_source=source,
        pixel_aspect=aspect,
        frame_windows=own,
        frame_rescales=() if form.is_colour else functional_groups.rescales_by_frame(dataset, frames),
        frame_rate_hz=functional_groups.frame_rate_hz(dataset) if form.frames > 1 else None,
        frames_in_file=form.frames,
        first_frame=frames.start,
        overlays=overlay_planes(dataset, read.remarks),
        shutter=shutter_of(dataset, aspect, read.remarks),
        modality=header.modality,
        view_position=header.view_position,
        patient_orientation=description.patient_orientation(dataset),
        study_uid=header.study_uid,
        series_uid=header.series_uid,
        instance_uid=header.instance_uid,
        sop_class_uid=header.sop_class_uid,
        notes=read.notes,
    )


def _read(path: Path, content: bytes | None, frame: int | None) -> DicomImage:
    with reading(path, content=content) as read:
        dataset = open_dataset(read)
        return image_of(read, dataset, decode(read, dataset, pixel_format(read, dataset), frame), frame)
