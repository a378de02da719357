"""Copies of films without identity: what is not on the allow-list does not get through.

The list names elements that describe pixels, geometry, display and exposure. Even those are let through only in
their proper form: numbers that parse, code strings of the right shape. Free text, times, names, numbers of
persons or cases, private elements, overlays and nested sequences are left behind (PS3.15 Annex E goes less far).
A few dates are kept, all of one patient's moved by the same number of days, so that what came first still does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import UID, SecondaryCaptureImageStorage

from egma_core.dicom.apart import shared_decoder
from egma_core.dicom.files import Reading, encoded, new_dataset, open_dataset, reading, write_file
from egma_core.dicom.functional_groups import numbers_of_groups
from egma_core.dicom.pixel_format import pixel_format
from egma_core.dicom.pseudonyms import Pseudonymiser
from egma_core.dicom.reader import FilmHeader, header_of
from egma_core.dicom.residue import identifiers_of, refuse_residue
from egma_core.dicom.retained import CODE_STRINGS, DATES, IMAGE_TYPES, LUT_SEQUENCES, NUMBERS, TABLES, WINDOW_NAMES
from egma_core.dicom.tags import as_number, items, text, values_of
from egma_core.dicom.writer import mark_deidentified
from egma_core.errors import PrivacyError

__all__ = ["FilmCopy", "Pseudonymiser", "deidentify_film", "method_code", "pseudonymous_header"]

METHODS = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
}
"""Codes of PS3.16 CID 7050 that say what was done to a copy, with their meanings."""

_CODE = re.compile(r"[A-Z0-9_ ]{0,16}")


@dataclass(frozen=True)
class FilmCopy:
    """A de-identified copy.

    Attributes:
        header: The copy's header; every identifier in it is a pseudonym.
        path: The copy.
        sha256: Hexadecimal SHA-256 of the copy.
    """

    header: FilmHeader
    path: Path
    sha256: str


def pseudonymous_header(source: str | Path, pseudonymiser: Pseudonymiser) -> FilmHeader:
    """The header that the copy of a film would have, without touching the pixels.

    A film without identifiers gets them from its content, so that the same file always gets the same ones.

    Raises:
        ImageError: The film cannot be read; as `read_header`.
    """
    path = Path(source)
    with reading(path) as read:
        dataset = open_dataset(read, pixels=False)
        return _pseudonymous(read, dataset, pseudonymiser, identifiers_of(dataset).names)


def deidentify_film(source: str | Path, folder: str | Path, pseudonymiser: Pseudonymiser, *, burned_in: bool = False) -> FilmCopy:
    """Copy a film into `folder` as `<pseudonymous instance uid>.dcm`, without anything that identifies.

    The pixel data stays as it is, byte for byte and in its own transfer syntax; another process decodes it once, so that no
    copy is made that could not be shown. The same film and key give the same file; one that is there is replaced once the new
    one is complete. At last the copy is searched for everything that identified the original.

    Args:
        source: The film.
        folder: Where the copy goes.
        pseudonymiser: By the library's key.
        burned_in: Take a film that says that text is burned into its picture: for the quarantine, and nowhere else.

    Raises:
        PrivacyError: The film says that text is burned into its picture, hides an overlay in the unused bits of its pixels, or
            names its patient inside its compressed pixel data or in an element that is kept.
        ImageError: The film cannot be read; as `read_image`.
        InterchangeError: The copy cannot be written.
    """
    path = Path(source)
    shared_decoder().test(path)
    with reading(path) as read:
        original = open_dataset(read)
        if not burned_in:
            _refuse_burned_in_text(path.name, original)
        _refuse_hidden_overlays(path.name, original)
        found = identifiers_of(original)
        header = _pseudonymous(read, original, pseudonymiser, found.names)
        days_back = pseudonymiser.days_back(_person(read, original))
        copy = _allowed(original, header, found.names, days_back)
        refuse_residue(path.name, copy, pixel_format(read, copy), found)
        content = encoded(copy)
    target = Path(folder) / f"{header.instance_uid}.dcm"
    return FilmCopy(header, target, write_file(target, content))


def method_code(code: str) -> Dataset:
    """An item of De-identification Method Code Sequence, for one of `METHODS`."""
    item = Dataset()
    item.CodeValue = code
    item.CodingSchemeDesignator = "DCM"
    item.CodeMeaning = METHODS[code]
    return item


def _refuse_burned_in_text(name: str, dataset: Dataset) -> None:
    if text(dataset, "BurnedInAnnotation").upper() == "YES":
        what = f"{name} says that text is burned into its picture, which may name the patient."
        raise PrivacyError(what, "Take out the text with the software it came from, or leave the film out.")


def _refuse_hidden_overlays(name: str, dataset: Dataset) -> None:
    tags = dataset.keys()
    overlays = {tag.group for tag in tags if 0x6000 <= tag.group <= 0x60FF}
    if any((group, 0x3000) not in dataset and (group, 0x0102) in dataset for group in overlays):
        what = f"{name} hides an overlay in the unused bits of its pixels, which may name the patient."
        raise PrivacyError(what, "Export the film without overlays, or leave it out.")


def _content(read: Reading) -> str:
    return hashlib.sha256(read.path.read_bytes()).hexdigest()


def _person(read: Reading, dataset: Dataset) -> str:
    """What a patient's pseudonym and date shift are made from: the number, else the name, else the study, else the file."""
    number, study, name = (text(dataset, keyword) for keyword in ("PatientID", "StudyInstanceUID", "PatientName"))
    if number:
        return number
    return f"name {name} born {text(dataset, 'PatientBirthDate')}" if name else f"study {study}" if study else _content(read)


def _pseudonymous(read: Reading, dataset: Dataset, pseudonymiser: Pseudonymiser, names: frozenset[str]) -> FilmHeader:
    header = header_of(read, dataset)

    def uid(value: str, kind: str, fallback: Callable[[], str]) -> str:
        return pseudonymiser.uid(value or f"{kind} of {fallback()}")

    standard = UID(header.sop_class_uid).type == "SOP Class"
    return replace(
        header,
        patient_id=pseudonymiser.patient_id(_person(read, dataset)),
        study_uid=uid(header.study_uid, "study", lambda: header.series_uid or _content(read)),
        series_uid=uid(header.series_uid, "series", lambda: header.study_uid or _content(read)),
        instance_uid=uid(header.instance_uid, "film", lambda: _content(read)),
        sop_class_uid=header.sop_class_uid if standard else str(SecondaryCaptureImageStorage),
        modality=_code(header.modality, names),
        view_position=_code(header.view_position, names),
    )


def _allowed(original: Dataset, header: FilmHeader, names: frozenset[str], days_back: int) -> Dataset:
    """A new data set with what the allow-list lets through, and the pseudonymous header."""
    copy = new_dataset(original.file_meta.TransferSyntaxUID)
    for keyword in (*NUMBERS, *TABLES):
        element = _element(original, keyword)
        if element is not None and (keyword in TABLES or all(as_number(v) is not None for v in values_of(original, keyword))):
            copy.add(element)
    for keyword in CODE_STRINGS:
        codes = [_code(str(v), names) for v in values_of(original, keyword)]
        if any(codes):
            setattr(copy, keyword, codes)
    kinds = [str(v) for v in values_of(original, "ImageType")][:2]
    if len(kinds) == 2 and all(kind in allowed for kind, allowed in zip(kinds, IMAGE_TYPES, strict=True)):
        copy.ImageType = kinds
    windows = [str(v).strip() for v in values_of(original, "WindowCenterWidthExplanation")]
    if windows and WINDOW_NAMES.issuperset(name.upper() for name in windows):
        copy.WindowCenterWidthExplanation = windows
    for keyword in LUT_SEQUENCES:
        tables = [_lut(item) for item in items(original, keyword)]
        if tables:
            setattr(copy, keyword, tables)
    for keyword, groups in numbers_of_groups(original).items():
        setattr(copy, keyword, groups)
    mark_deidentified(copy, header.patient_id)
    _keep_moved_dates(original, copy, days_back)
    copy.StudyInstanceUID = header.study_uid
    copy.SeriesInstanceUID = header.series_uid
    copy.SOPInstanceUID = header.instance_uid
    copy.SOPClassUID = header.sop_class_uid
    copy.Modality = header.modality
    copy.ViewPosition = header.view_position
    return copy


def _keep_moved_dates(original: Dataset, copy: Dataset, days_back: int) -> None:
    """Dates of the list, moved; those that are none are left out. The codes say that it was done."""
    kept = False
    for keyword in DATES:
        moved = _moved(text(original, keyword), days_back)
        if moved:
            setattr(copy, keyword, moved)
            kept = True
    codes = ("113100", "113107") if kept else ("113100",)
    copy.DeidentificationMethodCodeSequence = [method_code(code) for code in codes]
    copy.LongitudinalTemporalInformationModified = "MODIFIED" if kept else "REMOVED"


def _moved(date: str, days_back: int) -> str:
    if not re.fullmatch(r"[0-9]{8}", date):
        return ""
    try:
        moved = datetime.strptime(date, "%Y%m%d").replace(tzinfo=timezone.utc) - timedelta(days=days_back)
    except (ValueError, OverflowError):
        return ""
    return f"{moved.year:04}{moved.month:02}{moved.day:02}"


def _element(dataset: Dataset, keyword: str) -> DataElement | None:
    """The element, if it is there in one of the forms that the standard gives it."""
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return None
    element = dataset[tag]
    return element if element.VR in dictionary_VR(tag) else None


def _lut(item: Dataset) -> Dataset:
    copy = Dataset()
    for keyword in ("LUTDescriptor", "LUTData"):
        element = _element(item, keyword)
        if element is not None:
            copy.add(element)
    return copy


def _code(value: str, names: frozenset[str]) -> str:
    """A code string in its proper form and free of anybody's name, or ""."""
    clean = value.strip().upper()
    named = {name.upper() for name in names}
    return clean if _CODE.fullmatch(clean) and named.isdisjoint(re.findall(r"[A-Z0-9]+", clean)) else ""
