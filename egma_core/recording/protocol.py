"""A study protocol: what an experiment fixes for every reader, so that sittings can be compared; kept with each sitting to the letter.

It is a TOML file. What it does not name keeps its default, and a name that it does not know is refused, so that a slip of
the pen changes no experiment.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from egma_core.alignment.windows import WindowPolicy
from egma_core.errors import ConfigError
from egma_core.options import from_mapping, group, option
from egma_core.recording.gate import GateLimits
from egma_core.store.values import ReadingEntry, StudyEntry

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

USED_STATES = ("complete", "recovered")
"""Readings that count as done: signed off, or kept after a crash."""


@dataclass(frozen=True)
class DisplayRules:
    """What a reader may do to the film, and where it must be."""

    zoom: bool = option(True, "Whether the film may be zoomed and moved.")
    windowing: bool = option(True, "Whether its grey scale may be changed or inverted.")
    stay: bool = option(True, "Whether a reading is refused while the window is not on the tracked monitor.")


@dataclass(frozen=True)
class CalibrationLimits:
    """How well a reader must be calibrated, and when again."""

    required: bool = option(True, "Whether a reading is refused without a validated calibration (the mouse needs none).")
    points: int = option(5, "How many points the tracker is calibrated on.", choices=(5, 9))
    accuracy_deg: float = option(
        1.0, "Worst average error of the validation with which a reading may begin.", unit="deg", low=0.1, high=10.0
    )
    cases: int = option(25, "Readings after which a new calibration is suggested.", low=1, high=1000)
    drift_deg: float = option(1.0, "Drift from which on a new calibration is suggested.", unit="deg", low=0.1, high=10.0)


@dataclass(frozen=True)
class Blinds:
    """What a reader must not see."""

    labels: bool = option(True, "Whether labels and reports of the cases are hidden.")
    other_readers: bool = option(True, "Whether it is hidden what other readers did with a case.")


@dataclass(frozen=True)
class StudyProtocol:
    """What an experiment fixes."""

    name: str = option("", "The study's name; every protocol has one.")
    description: str = option("", "What the study is about, for whoever reads the file.")
    cases: tuple[str, ...] = option((), "Pseudonyms of patients or Study Instance UIDs, one a case; none for every study of the library.")
    order: str = option(
        "shuffled", "The order of cases: as listed, or another one for every reader, the same each time.", choices=("listed", "shuffled")
    )
    seed: int = option(0, "Another seed shuffles otherwise.", low=0)
    dictation: str = option(
        "any", "How words are given: as the reader likes, typed only, spoken while a key says so, or spoken all the time.",
        choices=("any", "typed", "push", "continuous"),
    )  # fmt: skip
    display: DisplayRules = group(DisplayRules, "What may be done to the film.")
    windows: WindowPolicy = group(WindowPolicy, "Which looking belongs to a sentence when the study's readings are processed.")
    calibration: CalibrationLimits = group(CalibrationLimits, "How well a reader must be calibrated.")
    gate: GateLimits = group(GateLimits, "When a reading is questionable at sign-off.")
    blinds: Blinds = group(Blinds, "What a reader must not see.")
    keys: Mapping[str, str] = field(
        default_factory=dict[str, str], metadata={"help": "Keys of actions that differ from the program's own."}
    )

    def ordered(self, cases: Sequence[str], reader: str) -> tuple[str, ...]:
        """Cases in the order in which a reader reads them.

        The shuffled order sorts cases by a digest of seed, reader and case, so that it is the same on every machine and
        version, and a case added later leaves the others as they were.
        """
        if self.order == "listed":
            return tuple(cases)

        def digest(case: str) -> bytes:
            return hashlib.sha256(f"{self.seed}\n{reader.strip()}\n{case}".encode()).digest()

        return tuple(sorted(cases, key=digest))


def parse_protocol(toml: str) -> StudyProtocol:
    """Read a protocol's text.

    Raises:
        ConfigError: It is not TOML, has no name, names a case twice, or a setting is unknown or out of range.
    """
    try:
        values: dict[str, Any] = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The study protocol is not valid TOML: {error}.", "Mend that line.") from error
    keys = values.pop("keys", {})
    if not isinstance(keys, dict) or not all(isinstance(key, str) for key in cast(dict[str, Any], keys).values()):
        raise ConfigError("keys must be a table of actions and their keys.", 'For example: [keys], then "capture.talk" = "Ctrl+Space".')
    protocol = replace(from_mapping(StudyProtocol, values), keys=keys)
    if not protocol.name.strip():
        raise ConfigError("The study protocol has no name.", 'Begin it with: name = "..."')
    twice = sorted(case for case, n in Counter(protocol.cases).items() if n > 1)
    if twice:
        raise ConfigError(f"The study protocol lists the case {twice[0]} more than once.", "List every case once.")
    return protocol


def load_protocol(path: Path) -> StudyProtocol:
    """Read a protocol from its file.

    Raises:
        ConfigError: The file cannot be read, or its text cannot be used.
    """
    return parse_protocol(read_protocol(path))


def read_protocol(path: Path) -> str:
    """The text of a protocol's file, as it is kept with a sitting.

    Raises:
        ConfigError: The file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The study protocol {path} cannot be read.", "Check its name; the file must be UTF-8.") from error


@dataclass(frozen=True)
class CaseList:
    """The cases of a protocol in a library.

    Attributes:
        studies: One entry a case, in the order of a reader, with what the reader must not see taken out.
        missing: Cases that the library does not have.
        ambiguous: Patients with several studies: nothing says which of them is meant.
    """

    studies: tuple[StudyEntry, ...]
    missing: tuple[str, ...]
    ambiguous: tuple[str, ...]


def case_list(protocol: StudyProtocol, studies: Sequence[StudyEntry], readings: Collection[ReadingEntry], reader: str) -> CaseList:
    """The cases that a reader reads, in their order, with the status that the protocol lets the reader see.

    Where other readers' work is hidden, number of readings and status count the reader's own readings only.

    Args:
        protocol: What the experiment fixes.
        studies: The library's studies.
        readings: The library's readings.
        reader: The reader's name.
    """
    by_name: dict[str, list[StudyEntry]] = {}
    for study in studies:
        for name in (study.study_uid, study.patient):
            by_name.setdefault(name, []).append(study)
    wanted = protocol.cases or tuple(study.study_uid for study in studies)
    found = {case: by_name[case][0] for case in wanted if len(by_name.get(case, ())) == 1}
    own = [reading for reading in readings if reading.reader == reader.strip()]
    done = Counter(reading.study.study_id for reading in own if reading.state in USED_STATES)
    running = {reading.study.study_id for reading in own if reading.state == "recording"}
    return CaseList(
        tuple(_blinded(found[case], protocol.blinds, done, running) for case in protocol.ordered(tuple(found), reader)),
        tuple(case for case in wanted if case not in by_name),
        tuple(case for case in wanted if len(by_name.get(case, ())) > 1),
    )


def _blinded(study: StudyEntry, blinds: Blinds, done: Counter[int], running: Collection[int]) -> StudyEntry:
    if blinds.labels:
        study = replace(study, labels=())
    if blinds.other_readers:
        status = "reading" if study.id in running else "read" if done[study.id] else "unread"
        study = replace(study, n_readings=done[study.id], status=status)
    return study
