"""The last look at a de-identified copy: nothing that identified the original may be left anywhere in it.

What identifies is told by the standard's own table (PS3.15 Table E.1-1, Basic Profile, edition 2024b, kept in
`resources/dicom/basic_profile.csv`), by value representation and by being private, at any depth of the original.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from pydicom.charset import convert_encodings
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from egma_core.assets import resource
from egma_core.dicom.files import BROKEN_INPUT
from egma_core.dicom.pixel_format import NATIVE, PixelFormat
from egma_core.dicom.retained import DATES, PERSONS
from egma_core.dicom.tags import values_of
from egma_core.errors import PrivacyError

_TEXT = frozenset(("AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"))
_BINARY = frozenset(("OB", "OW", "UN", "OD", "OF", "OL", "OV"))
_DEEPEST = 16
_TELLING = 6  # letters: fewer turn up among pixels by chance
_TELLING_DIGITS = 8
_OURS = frozenset(
    (
        *("PatientID", "PatientName", "PatientIdentityRemoved", "LongitudinalTemporalInformationModified"),
        *("DeidentificationMethod", "DeidentificationMethodCodeSequence", *DATES),
    )
)
"""What the copy says in our own words; dates are moved, and may come to lie on another of the patient's dates."""


@dataclass(frozen=True)
class Identifiers:
    """What identifies in a film.

    Attributes:
        names: Words of three letters or more in names and numbers of persons, cases and places.
        uids: UIDs of its own, not of the standard.
        texts: Whole values of everything else that must not be told: dates, free text, private elements.
        encodings: How the original wrote its text, as Python's codecs.
    """

    names: frozenset[str]
    uids: frozenset[str]
    texts: frozenset[str]
    encodings: tuple[str, ...]


@lru_cache(maxsize=1)
def basic_profile() -> dict[str, str]:
    """The action of each attribute of PS3.15 Table E.1-1 by its keyword: X remove, Z empty, D replace, U replace the UID, ..."""
    with resource("dicom", "basic_profile.csv").open(encoding="utf-8", newline="") as file:
        return {row["keyword"]: row["action"] for row in csv.DictReader(file)}


def identifiers_of(dataset: Dataset) -> Identifiers:
    """Gather what identifies in a film, at any depth; elements that cannot be read say nothing."""
    profile, persons = basic_profile(), frozenset(PERSONS)
    names, uids, texts = set[str](), set[str](), set[str]()
    for element in _elements(dataset):
        if element.VR not in _TEXT:
            continue
        values = [str(value).strip(" \0") for value in _values(element)]
        if element.VR == "PN" or element.keyword in persons:
            names.update(word for value in values for word in re.findall(r"\w{3,}", value))
        elif element.VR == "UI":
            uids.update(value for value in values if value and not value.startswith("1.2.840.10008."))
        if element.VR in ("PN", "DA", "DT") or element.tag.is_private or element.keyword in profile:
            texts.update(value for value in values if value)
    try:
        declared = convert_encodings([str(v) for v in values_of(dataset, "SpecificCharacterSet")] or None)
    except BROKEN_INPUT:
        declared = []
    return Identifiers(frozenset(names), frozenset(uids), frozenset(texts), tuple(dict.fromkeys(("utf-8", *declared))))


def refuse_residue(name: str, copy: Dataset, form: PixelFormat, found: Identifiers) -> None:
    """Refuse a copy in which something of the original's identity is left.

    Args:
        name: What to call the film in messages.
        copy: The copy.
        form: How its pixels are laid out.
        found: What identified the original.

    Raises:
        PrivacyError: A word, a UID or a text of it is left, in an element or hidden in the pixel data.
    """
    names = {word.upper() for word in found.names}
    for element in copy:
        if element.keyword in _OURS:
            continue
        for value in (str(v) for v in _values(element)):
            left = {word for word in re.findall(r"\w{3,}", value.upper()) if not word.isdecimal() or len(word) >= _TELLING_DIGITS}
            if (element.VR in (*_TEXT, "DS", "IS") and not names.isdisjoint(left)) or (element.VR == "UI" and value in found.uids):
                what = f"{name} repeats an identifier of its patient or study in an element that is kept ({element.keyword})."
                raise PrivacyError(what, "Leave the film out, or empty that element with the software it came from.")
    hidden = _beside_pixels(copy, form).lower()
    if hidden and any(needle in hidden for needle in _needles(found)):
        what = f"{name} repeats a name of its header inside its pixel data."
        raise PrivacyError(what, "Convert it to an uncompressed transfer syntax with the software it came from, or leave it out.")


def _elements(dataset: Dataset, depth: int = 0) -> Iterator[DataElement]:
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except BROKEN_INPUT:
            continue
        yield element
        if element.VR == "SQ" and depth < _DEEPEST and element.value is not None:
            for item in element.value:
                yield from _elements(item, depth + 1)


def _values(element: DataElement) -> list[object]:
    value = element.value
    if value is None or element.VR in _BINARY or element.VR == "SQ":
        return []
    return list(value) if isinstance(value, MultiValue | list | tuple) else [value]


def _beside_pixels(copy: Dataset, form: PixelFormat) -> bytes:
    """The bytes of the pixel data that may be text: all of a compressed stream, of a plain one what follows the pixels."""
    data = copy.PixelData
    return data[form.n_bytes :] if form.syntax in NATIVE else data


def _needles(found: Identifiers) -> set[bytes]:
    told = {word for word in found.names if len(word) >= (_TELLING_DIGITS if word.isdecimal() else _TELLING)}
    told |= {text for text in (*found.uids, *found.texts) if len(text) >= 2 * _TELLING}
    needles = set[bytes]()
    for word in told:
        for spelling in (word, word.upper(), word.lower(), word.capitalize()):
            for encoding in found.encodings:
                needles.add(spelling.encode(encoding, "ignore").lower())
    return {needle for needle in needles if len(needle) >= _TELLING}
