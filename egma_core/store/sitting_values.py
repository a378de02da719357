"""A sitting, and what belongs to it and its reader beside the readings: calibrations, decisions, revised words, consent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from egma_core.gaze.samples import GazeSamples
from egma_core.geometry import Screen
from egma_core.speech.sentences import Sentence
from egma_core.trackers.tracker import TrackerDescription

AttemptKind = Literal["calibration", "validation", "drift_check"]
"""`calibration`: the tracker learned the eyes; `validation`: how well it learned; `drift_check`: one look between readings."""

Decision = Literal["signed_off", "kept", "redone", "discarded"]
"""What a person decided about a reading: signed it off, kept it in spite of trouble, read again instead, threw it away."""

CONSENT_SCOPES = ("gaze", "voice", "sharing")
"""What a reader can consent to: that eyes are recorded, that the voice is, that recordings are shared with others."""


@dataclass(frozen=True)
class CaptureSessionRecord:
    """One sitting of one reader at one screen with one tracker.

    Attributes:
        reader_id: Who reads.
        screen: The monitor.
        tracker: The eye tracker.
        host_ns: Host clock at the moment called `utc`; the pair dates every other host time of the session.
        utc: Wall clock, aware of its zone.
        program_version: Version of this program.
        protocol_name: Name of the study protocol it follows, or "".
        protocol_toml: That protocol to the letter, or "".
        microphone: The microphone as plain JSON values; {} for none.
    """

    reader_id: int
    screen: Screen
    tracker: TrackerDescription
    host_ns: int
    utc: datetime
    program_version: str
    protocol_name: str = ""
    protocol_toml: str = ""
    microphone: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class CalibrationAttempt:
    """One calibration, validation or drift check, as it came out; bad ones are kept too.

    Attributes:
        kind: Which of them.
        host_ns: When it was finished, on the host clock.
        utc: The same on the wall clock, aware.
        points: Targets, (x, y) in fractions of the display area, in the order shown.
        outcome: What the tracker answered, as plain JSON values.
        figures: What was measured, as plain JSON values; of a validation
            `{"average"|"left"|"right": {"accuracy_deg": ..., ...}, ...}`.
        data: The tracker's own calibration, or b"".
        gaze: Raw samples of the look at each target, in the order of `points`; () where they are not kept.
        id: Row id, or None before it is stored.
    """

    kind: AttemptKind
    host_ns: int
    utc: datetime
    points: tuple[tuple[float, float], ...]
    outcome: Mapping[str, Any]
    figures: Mapping[str, Any]
    data: bytes = b""
    gaze: tuple[GazeSamples, ...] = ()
    id: int | None = None


@dataclass(frozen=True)
class ReadingDecision:
    """What a person decided about a reading, and on what grounds; the newest one counts.

    Attributes:
        host_ns: When, on the host clock.
        utc: When, on the wall clock, aware.
        decision: What.
        reason: Why, or "".
        figures: What the person was shown: loss, longest gap, verdict, limits; plain JSON values.
    """

    host_ns: int
    utc: datetime
    decision: Decision
    reason: str
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class Revision:
    """The whole text of a reading after a correction; the newest one counts, the recorded one stays.

    Attributes:
        id: Row id.
        seq: Which revision of the reading, counted from 0.
        created_utc: When it was saved, aware, in UTC.
        reason: What was done: edited, aligned, ...
        sentences: Its sentences, in order.
    """

    id: int
    seq: int
    created_utc: datetime
    reason: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class Consent:
    """What a reader agreed to, or withdrew; the newest one counts.

    Attributes:
        utc: When, aware.
        text_version: Which wording was agreed to.
        scope: What it covers: members of `CONSENT_SCOPES`.
        given: False where it was refused or withdrawn.
    """

    utc: datetime
    text_version: str
    scope: tuple[str, ...]
    given: bool

    def covers(self, what: str) -> bool:
        """Whether it allows `what`, one of `CONSENT_SCOPES`."""
        return self.given and what in self.scope
