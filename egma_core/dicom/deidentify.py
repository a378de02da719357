"""Copies of films without identity: what is not on the allow-list does not get through.

The list names elements that describe pixels, geometry, display and exposure. Even those are let through only in
their proper form: numbers that parse, code strings of the right shape. Free text, dates, names, numbers of
persons or cases, private elements, overlays and nested sequences are left behind (PS3.15 Annex E goes less far).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import UID, SecondaryCaptureImageStorage

from egma_core.dicom.decoding import decode, pixel_format
from egma_core.dicom.files import Reading, encoded, new_dataset, open_dataset, reading, write_file
from egma_core.dicom.reader import FilmHeader, header_of
from egma_core.dicom.retained import CODE_STRINGS, IMAGE_TYPES, LUT_SEQUENCES, NUMBERS, PERSONS, TABLES, WINDOW_NAMES
from egma_core.dicom.tags import as_number, items, text, values_of
from egma_core.dicom.writer import mark_deidentified
from egma_core.errors import PrivacyError

_CODE = re.compile(r"[A-Z0-9_ ]{0,16}")
_TELLING = 6  # letters: fewer turn up among pixels by chance


class Pseudonymiser:
    """Keyed pseudonyms: the same key and value always give the same one, and without the key none leads back.

    HMAC-SHA256 over the kind of value and the value, so that equal texts of different kinds do not give each other away.
    """

    def __init__(self, key: bytes) -> None:
        """Take the library's key.

        Raises:
            PrivacyError: The key is too short to protect anything.
        """
        if len(key) < 16:
            raise PrivacyError("The key for pseudonyms is too short.", "Use at least 16 random bytes.")
        self._key = key

    def patient_id(self, value: str) -> str:
        """A patient's pseudonym, such as `P-4QK2M7ZT3A`."""
        return f"P-{self._letters('patient', value)}"

    def name(self, value: str) -> str:
        """A pseudonym for any other name, such as a file's or a reader's: `N-` and ten letters."""
        return f"N-{self._letters('name', value)}"

    def uid(self, value: str) -> str:
        """A UID in the place of another: 2.25 and a UUID as a number (PS3.5 B.2)."""
        return f"2.25.{uuid.UUID(bytes=self._digest('uid', value)[:16], version=4).int}"

    def _letters(self, kind: str, value: str) -> str:
        return base64.b32encode(self._digest(kind, value)).decode("ascii")[:10]

    def _digest(self, kind: str, value: str) -> bytes:
        return hmac.new(self._key, f"{kind}\0{value.strip()}".encode(), hashlib.sha256).digest()


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
        return _pseudonymous(read, open_dataset(read, pixels=False), pseudonymiser)


def deidentify_film(source: str | Path, folder: str | Path, pseudonymiser: Pseudonymiser) -> FilmCopy:
    """Copy a film into `folder` as `<pseudonymous instance uid>.dcm`, without anything that identifies.

    The pixel data stays as it is, byte for byte and in its own transfer syntax; it is decoded once, so that no
    copy is made that could not be shown. The same film and key give the same file; one that is there is replaced once the new
    one is complete.

    Raises:
        PrivacyError: The film says that text is burned into its picture, hides an overlay in the unused bits of its pixels, or
            names its patient inside its compressed pixel data.
        ImageError: The film cannot be read; as `read_image`.
        InterchangeError: The copy cannot be written.
    """
    path = Path(source)
    with reading(path) as read:
        original = open_dataset(read)
        _refuse_identity_in_pixels(path.name, original)
        header = _pseudonymous(read, original, pseudonymiser)
        copy = _allowed(original, header)
        decode(read, copy, pixel_format(read, copy), None)
        content = encoded(copy)
        _refuse_names_left(path.name, content, _names(original))
    target = Path(folder) / f"{header.instance_uid}.dcm"
    return FilmCopy(header, target, write_file(target, content))


def _refuse_identity_in_pixels(name: str, dataset: Dataset) -> None:
    if text(dataset, "BurnedInAnnotation").upper() == "YES":
        what = f"{name} says that text is burned into its picture, which may name the patient."
        raise PrivacyError(what, "Take out the text with the software it came from, or leave the film out.")
    tags = dataset.keys()
    overlays = {tag.group for tag in tags if 0x6000 <= tag.group <= 0x60FF}
    if any((group, 0x3000) not in dataset and (group, 0x0102) in dataset for group in overlays):
        what = f"{name} hides an overlay in the unused bits of its pixels, which may name the patient."
        raise PrivacyError(what, "Export the film without overlays, or leave it out.")


def _refuse_names_left(name: str, content: bytes, names: frozenset[str]) -> None:
    """The last look: comments inside compressed pixel data are copied with it, and may say anything."""
    told = (word for word in names if len(word) >= _TELLING and not word.isdecimal())
    if any(spelling.encode() in content for word in told for spelling in {word, word.upper(), word.lower(), word.capitalize()}):
        what = f"{name} repeats a name of its header inside its pixel data."
        raise PrivacyError(what, "Convert it to an uncompressed transfer syntax with the software it came from, or leave it out.")


def _pseudonymous(read: Reading, dataset: Dataset, pseudonymiser: Pseudonymiser) -> FilmHeader:
    header = header_of(read, dataset)

    def uid(value: str, kind: str, fallback: Callable[[], str]) -> str:
        return pseudonymiser.uid(value or f"{kind} of {fallback()}")

    def content() -> str:
        return hashlib.sha256(read.path.read_bytes()).hexdigest()

    name, born = text(dataset, "PatientName"), text(dataset, "PatientBirthDate")
    person = header.patient_id or (f"name {name} born {born}" if name else f"study {header.study_uid}" if header.study_uid else content())
    names = _names(dataset)
    standard = UID(header.sop_class_uid).type == "SOP Class"
    return replace(
        header,
        patient_id=pseudonymiser.patient_id(person),
        study_uid=uid(header.study_uid, "study", lambda: header.series_uid or content()),
        series_uid=uid(header.series_uid, "series", lambda: header.study_uid or content()),
        instance_uid=uid(header.instance_uid, "film", content),
        sop_class_uid=header.sop_class_uid if standard else str(SecondaryCaptureImageStorage),
        modality=_code(header.modality, names),
        view_position=_code(header.view_position, names),
    )


def _allowed(original: Dataset, header: FilmHeader) -> Dataset:
    """A new data set with what the allow-list lets through, and the pseudonymous header."""
    copy = new_dataset(original.file_meta.TransferSyntaxUID)
    for keyword in (*NUMBERS, *TABLES):
        element = _element(original, keyword)
        if element is not None and (keyword in TABLES or all(as_number(v) is not None for v in values_of(original, keyword))):
            copy.add(element)
    names = _names(original)
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
    mark_deidentified(copy, header.patient_id)
    copy.StudyInstanceUID = header.study_uid
    copy.SeriesInstanceUID = header.series_uid
    copy.SOPInstanceUID = header.instance_uid
    copy.SOPClassUID = header.sop_class_uid
    copy.Modality = header.modality
    copy.ViewPosition = header.view_position
    return copy


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


def _names(dataset: Dataset) -> frozenset[str]:
    """Words of three letters or more in the film's names and numbers of persons."""
    stated: list[Any] = [v for keyword in PERSONS for v in values_of(dataset, keyword)]
    return frozenset(word for v in stated for word in re.findall(r"\w{3,}", str(v)))
