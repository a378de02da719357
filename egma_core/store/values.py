"""What goes into a library and comes out of it, as plain values without a trace of SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from egma_core.alignment.maps import SentenceGazeMap
from egma_core.gaze.fixations import Fixations
from egma_core.gaze.samples import GazeOrigin
from egma_core.geometry import Screen
from egma_core.speech.sentences import TextOrigin
from egma_core.store.raw_values import AudioChunk, ClockFit, HeardWord, Notification, RawBatch, SpokenSentence, TextEdit
from egma_core.store.sitting_values import (
    CONSENT_SCOPES,
    AttemptKind,
    CalibrationAttempt,
    CaptureSessionRecord,
    Consent,
    Decision,
    ReadingDecision,
    Revision,
)

__all__ = [
    "CONSENT_SCOPES",
    "AttemptKind",
    "AudioChunk",
    "CalibrationAttempt",
    "CaptureSessionRecord",
    "Changes",
    "ClockFit",
    "Consent",
    "Decision",
    "Derivation",
    "FilmOrigin",
    "FilmRecord",
    "Health",
    "HeardWord",
    "InstanceEntry",
    "Notification",
    "RawBatch",
    "ReaderEntry",
    "ReadingDecision",
    "ReadingEntry",
    "ReadingHealth",
    "ReadingState",
    "ReportSentence",
    "Revision",
    "SpokenSentence",
    "StudyEntry",
    "StudyReference",
    "StudyStatus",
    "TextEdit",
]

FilmOrigin = Literal["dicom", "image", "phantom"]
"""Where a film came from: a DICOM file, a picture of a public set, or the program's own phantoms."""

ReadingState = Literal["recording", "complete", "recovered", "discarded", "aborted"]
"""`recording` while it runs; `complete` when signed off; `recovered` when its process died and what was stored was kept;
`discarded` when the reader threw it away; `aborted` when the program had to stop it."""

StudyStatus = Literal["unread", "reading", "read"]
"""`reading` while one is being recorded, `read` once one is complete or recovered, else `unread`."""


@dataclass(frozen=True)
class Changes:
    """What a write did.

    Attributes:
        tables: Names of the tables in which rows were added, changed or removed; empty when nothing had to be done.
        id: Id of the row the call was about (the reader, instance, session, reading, derivation, ...), or None.
    """

    tables: frozenset[str]
    id: int | None = None


@dataclass(frozen=True)
class ReaderEntry:
    """A person who reads films."""

    id: int
    name: str


@dataclass(frozen=True)
class FilmRecord:
    """One film to be kept, already free of identity.

    Attributes:
        patient: Pseudonym of the patient.
        study_uid: Study Instance UID of the copy.
        series_uid: Series Instance UID of the copy.
        instance_uid: SOP Instance UID of the copy.
        sop_class_uid: SOP Class UID.
        modality: CR, DX, ...
        view_position: PA, AP, LL, ... or "".
        rows: Pixels down.
        columns: Pixels across.
        frames: How many frames.
        file: Path of the copy below the library's files folder, with forward slashes.
        sha256: Hexadecimal SHA-256 of that file.
        origin: Where the film came from.
    """

    patient: str
    study_uid: str
    series_uid: str
    instance_uid: str
    sop_class_uid: str
    modality: str
    view_position: str
    rows: int
    columns: int
    frames: int
    file: str
    sha256: str
    origin: FilmOrigin


@dataclass(frozen=True)
class InstanceEntry:
    """One film of the library; `path` is absolute, the other fields are as in `FilmRecord`."""

    id: int
    instance_uid: str
    series_uid: str
    modality: str
    view_position: str
    rows: int
    columns: int
    frames: int
    path: Path
    sha256: str
    origin: FilmOrigin


@dataclass(frozen=True)
class StudyEntry:
    """One study of the library with its films.

    Attributes:
        id: Row id.
        study_uid: Study Instance UID.
        patient: Pseudonym of the patient.
        modality: Modality of its first film.
        labels: Labels in alphabetical order; may be empty.
        split: `train`, `validation`, `test` when its source says so, else "".
        instances: Its films in the order they came.
        n_readings: How many complete or recovered readings there are.
        status: Where it stands in the worklist.
    """

    id: int
    study_uid: str
    patient: str
    modality: str
    labels: tuple[str, ...]
    split: str
    instances: tuple[InstanceEntry, ...]
    n_readings: int
    status: StudyStatus


@dataclass(frozen=True)
class ReportSentence:
    """A sentence that came with a study (from its labels or its report); nobody said it in a reading."""

    text: str
    origin: TextOrigin


@dataclass(frozen=True)
class StudyReference:
    """Enough of a study to name it."""

    study_id: int
    patient: str


@dataclass(frozen=True)
class ReadingEntry:
    """One reading: one reader interprets one study once.

    Attributes:
        id: Row id.
        uid: A random identifier that stays the same in exports.
        study: The study read.
        reader: The reader's name.
        tracker: The tracker's short name.
        gaze_origin: Origin of its gaze.
        state: Where it stands.
        started_ns: Host clock at its start; seconds of derived values count from here.
        ended_ns: Host clock at its end, or None while recording.
        started_utc: Wall clock at its start, aware, in UTC.
        n_samples: Gaze samples stored.
        n_sentences: Sentences of its newest text.
        text_origins: Origins of its sentences, in alphabetical order.
        screen: The monitor it was recorded on.
        note: Why it ended as it did, or "".
        session_id: The sitting it was recorded in.
        protocol_hash: Hexadecimal SHA-256 of that sitting's study protocol, or "".
    """

    id: int
    uid: str
    study: StudyReference
    reader: str
    tracker: str
    gaze_origin: GazeOrigin
    state: ReadingState
    started_ns: int
    ended_ns: int | None
    started_utc: datetime
    n_samples: int
    n_sentences: int
    text_origins: tuple[TextOrigin, ...]
    screen: Screen
    note: str = ""
    session_id: int = 0
    protocol_hash: str = ""


@dataclass(frozen=True)
class Derivation:
    """What one recipe made of one reading; it can be deleted and rebuilt at will.

    Attributes:
        id: Row id.
        reading_id: The reading it was made from.
        recipe: Every setting that went into it, as plain JSON values.
        recipe_hash: `recipe_hash(recipe)`.
        fixations: The fixations.
        maps: One gaze map a sentence.
        gaze_origin: Origin of the gaze underneath.
        inputs: What of the reading beside its raw rows went into it (accuracy, correction, revision of the words), as plain
            JSON values; where the reading says something else by now, the derivation is out of date.
    """

    id: int
    reading_id: int
    recipe: Mapping[str, Any]
    recipe_hash: str
    fixations: Fixations
    maps: tuple[SentenceGazeMap, ...]
    gaze_origin: GazeOrigin
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class ReadingHealth:
    """What is safely stored of one reading.

    Attributes:
        id: The reading.
        state: Where it stands.
        n_samples: Gaze samples stored and intact.
        n_gaps: Chunks that are missing from the sequence or whose checksum fails.
        last_durable_ns: Host clock of the newest gaze sample that is safe, or of the reading's start if none is.
        n_audio_samples: Samples of audio stored and intact.
        n_audio_gaps: Stretches of audio that are missing: lost by the microphone, absent from the library, or damaged in it.
    """

    id: int
    state: ReadingState
    n_samples: int
    n_gaps: int
    last_durable_ns: int
    n_audio_samples: int = 0
    n_audio_gaps: int = 0


@dataclass(frozen=True)
class Health:
    """A library's health, ready for `dataclasses.asdict` and JSON.

    Attributes:
        integrity: "ok", or what the database itself found wrong.
        readings: One entry a reading.
    """

    integrity: str
    readings: tuple[ReadingHealth, ...]
