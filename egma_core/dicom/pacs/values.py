"""What is asked of a PACS and what it answers, the same for DIMSE and DICOMweb, and what each of the two must be able to do.

Answers name patients: they are for the person who searches, never for a log or a library.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from pydicom.dataset import Dataset

from egma_core.dicom.tags import integer, text, values_of
from egma_core.errors import ConfigError

STUDY_KEYS = (
    "StudyInstanceUID",
    "PatientID",
    "PatientName",
    "StudyDate",
    "ModalitiesInStudy",
    "StudyDescription",
    "AccessionNumber",
    "NumberOfStudyRelatedInstances",
)
"""What is asked about each study (PS3.4 C.6.2.1.2)."""

Sent = Callable[[int, int], None]
"""Called with files sent and files in all, after each file."""


@dataclass(frozen=True)
class StudyQuery:
    """Which studies are looked for; what is empty matches all. `*` and `?` stand for any letters and any one letter.

    Attributes:
        patient_id: Patient ID.
        patient_name: Patient's name, `FAMILY^GIVEN`.
        accession: Accession Number.
        study_uid: Study Instance UID.
        modality: CR, DX, ...; studies that hold at least one film of it.
        first_day: The earliest day.
        last_day: The latest day.
        limit: At most this many studies are answered.
    """

    patient_id: str = ""
    patient_name: str = ""
    accession: str = ""
    study_uid: str = ""
    modality: str = ""
    first_day: date | None = None
    last_day: date | None = None
    limit: int = 500

    def __post_init__(self) -> None:
        r"""Refuse what cannot be asked.

        Raises:
            ConfigError: A value holds a backslash, which parts values in DICOM, or the limit is not above zero.
        """
        if any("\\" in value for value in self.keys().values()) or self.limit < 1:
            raise ConfigError("The search cannot be asked of a PACS.", "Leave out backslashes, and ask for at least one study.")

    def keys(self) -> Mapping[str, str]:
        """Matching keys by their DICOM keywords, the empty ones left out."""
        days = [day.strftime("%Y%m%d") if day else "" for day in (self.first_day, self.last_day)]
        keys = {
            "PatientID": self.patient_id,
            "PatientName": self.patient_name,
            "AccessionNumber": self.accession,
            "StudyInstanceUID": self.study_uid,
            "ModalitiesInStudy": self.modality,
            "StudyDate": "-".join(days) if any(days) else "",
        }
        return {keyword: value.strip() for keyword, value in keys.items() if value.strip()}


@dataclass(frozen=True)
class RemoteStudy:
    """A study that a PACS holds; fields as in the standard, "" or 0 where the PACS does not say."""

    study_uid: str
    patient_id: str
    patient_name: str
    study_date: str
    modalities: tuple[str, ...]
    description: str
    accession: str
    n_instances: int

    @classmethod
    def of(cls, answer: Dataset) -> RemoteStudy:
        """Read one answer to a search."""
        return cls(
            study_uid=text(answer, "StudyInstanceUID"),
            patient_id=text(answer, "PatientID"),
            patient_name=text(answer, "PatientName"),
            study_date=text(answer, "StudyDate"),
            modalities=tuple(str(m) for m in values_of(answer, "ModalitiesInStudy")),
            description=text(answer, "StudyDescription"),
            accession=text(answer, "AccessionNumber"),
            n_instances=integer(answer, "NumberOfStudyRelatedInstances", 0),
        )


@dataclass(frozen=True)
class RemoteInstance:
    """One object of a study; `sop_class_uid` is "" where the PACS does not say."""

    study_uid: str
    series_uid: str
    instance_uid: str
    sop_class_uid: str

    @classmethod
    def of(cls, answer: Dataset, study_uid: str, series_uid: str) -> RemoteInstance:
        """Read one answer to a search below a study, in which what was asked for need not be repeated."""
        series = text(answer, "SeriesInstanceUID") or series_uid
        return cls(study_uid, series, text(answer, "SOPInstanceUID"), text(answer, "SOPClassUID"))


class Pacs(Protocol):
    """A PACS, whichever protocol it speaks. Every method raises `PacsError` where it cannot be reached or refuses."""

    def echo(self) -> None:
        """Ask for nothing but an answer (C-ECHO, or a search for one study)."""
        ...

    def studies(self, query: StudyQuery) -> list[RemoteStudy]:
        """Search for studies (C-FIND, QIDO-RS)."""
        ...

    def instances(self, study_uid: str) -> list[RemoteInstance]:
        """List the objects of a study."""
        ...

    def fetch(self, wanted: Sequence[RemoteInstance], folder: Path) -> Generator[Path, Any, None]:
        """Fetch objects of one study, as they are stored, each as a file of `folder` that belongs to the caller.

        Closing the generator stops the transfer.
        """
        ...

    def send(self, files: Sequence[Path], sent: Sent | None = None) -> None:
        """Send DICOM files as they are (C-STORE, STOW-RS); one that the PACS refuses ends it."""
        ...
