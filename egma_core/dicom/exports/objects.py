"""What all exported objects share: the film they refer to, who made them, what they may be used for, and their files."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pydicom.dataset import Dataset

from egma_core.dicom.files import encoded, open_dataset, reading, write_file
from egma_core.dicom.tags import text
from egma_core.errors import PrivacyError, UnsupportedImageError

MAKER = "EGMA"
SCHEME = "99EGMA"
"""Designator of our own codes (PS3.16 8.2: private ones begin with 99)."""

RESEARCH = "Research use only, not for diagnosis"

_DEIDENTIFIED = (
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "LongitudinalTemporalInformationModified",
)

# Of results, so that they follow the films of a study.
SERIES_NUMBERS = {"overlay": 9001, "maps": 9002, "scores": 9003}


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes:
        path: The file.
        instance_uid: SOP Instance UID of the object in it.
        sha256: Hexadecimal SHA-256 of the file.
    """

    path: Path
    instance_uid: str
    sha256: str


def program_version() -> str:
    """This program's version, for the objects it makes."""
    return version("egma")


def open_source(path: str | Path) -> Dataset:
    """The film that an object will refer to, without its pixels.

    Raises:
        PrivacyError: It still says who its patient is.
        UnsupportedImageError: It has no UIDs that could be referred to.
        ImageError: It cannot be read.
    """
    path = Path(path)
    with reading(path) as read:
        film = open_dataset(read, pixels=False)
    if text(film, "PatientIdentityRemoved").upper() != "YES":
        what = f"{path.name} may still say who its patient is, and whatever is made of it would repeat that."
        raise PrivacyError(what, "Import it into a library, and export from there.")
    if not all(text(film, keyword) for keyword in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")):
        raise UnsupportedImageError(f"{path.name} has no identifiers to refer to.", "Import it into a library, which gives it some.")
    # highdicom takes a pseudonym for a badly written name unless it ends so; `write_object` takes the ending off again.
    film.PatientName = f"{text(film, 'PatientName').rstrip('^')}^"
    return film


def object_uid(kind: str, film: Dataset, *contents: bytes) -> str:
    """A UID that stays the same for the same contents made of the same film (2.25 and a UUID, PS3.5 B.2)."""
    digest = hashlib.sha256(f"{kind}\0{film.SOPInstanceUID}".encode())
    for content in contents:
        digest.update(len(content).to_bytes(8, "big") + content)
    return f"2.25.{uuid.UUID(bytes=digest.digest()[:16], version=4).int}"


def write_object(folder: str | Path, kind: str, made: Dataset, film: Dataset, title: str) -> Exported:
    """Mark an object as de-identified like its film and as meant for research, and write it as `<kind>-<end of its uid>.dcm`.

    Raises:
        InterchangeError: The file cannot be written.
    """
    for keyword in _DEIDENTIFIED:
        if keyword in film:
            made[keyword] = film[keyword]
    made.PatientName = text(made, "PatientName").rstrip("^")
    made.SeriesDescription = f"{title}: research use only"[:64]
    uid = str(made.SOPInstanceUID)
    path = Path(folder) / f"{kind}-{uid[-12:]}.dcm"
    return Exported(path, uid, write_file(path, encoded(made)))
