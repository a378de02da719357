"""The values of a sitting as the window knows it: how it is set up, what was said in it, how its recording does. No Qt."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from egma_core.geometry import Screen

POINTER_HZ = 100.0


@dataclass(frozen=True)
class Setup:
    """Who reads, on which screen, with which tracker and microphone, under which protocol.

    Attributes:
        reader: The reader's name or code.
        tracker: The name of the tracker's driver: `simulated`, `mouse`, `tobii`, ...
        screen: The monitor, with sizes that a person has typed and confirmed, or that the tracker knows.
        address: Which tracker, where there are several; "" for the first.
        rate_hz: Samples per second asked for, or None for the tracker's own.
        replayed_id: The reading whose gaze is replayed, with the tracker `replay`.
        microphone: The microphone's name; "" to record no voice.
        microphone_options: Settings of that microphone, by name.
        engine: What turns speech into text; "" for typing alone.
        model: The folder of that engine's model, where it needs one.
        protocol_name: The study protocol's name; "" without one.
        protocol_toml: Its whole text, as it is kept with the sitting.
    """

    reader: str
    tracker: str
    screen: Screen
    address: str = ""
    rate_hz: float | None = None
    replayed_id: int | None = None
    microphone: str = ""
    microphone_options: Mapping[str, str] = field(default_factory=dict[str, str])
    engine: str = ""
    model: str = ""
    protocol_name: str = ""
    protocol_toml: str = ""

    @property
    def is_gaze(self) -> bool:
        """Whether eyes are followed, rather than the mouse."""
        return self.tracker != "mouse"

    def opening(self) -> dict[str, Any]:
        """The fields of the command that opens this sitting, but for the library."""
        tracker: dict[str, Any] = {"name": self.tracker}
        rate_hz = self.rate_hz if self.is_gaze else POINTER_HZ
        optional = {"rate_hz": rate_hz, "address": self.address or None, "reading_id": self.replayed_id}
        tracker.update({name: value for name, value in optional.items() if value is not None})
        fields: dict[str, Any] = {"reader": self.reader.strip(), "screen": dataclasses.asdict(self.screen), "tracker": tracker}
        if self.microphone:
            fields["microphone"] = {"name": self.microphone, "options": dict(self.microphone_options)}
        if self.protocol_toml:
            fields["protocol"] = {"name": self.protocol_name, "toml": self.protocol_toml}
        return fields


@dataclass(frozen=True)
class SaidSentence:
    """A sentence of the reading in progress, in ns on the host clock.

    Attributes:
        text: Its words.
        onset_ns: When it began.
        offset_ns: When it ended.
        origin: `typed` or `dictation`.
    """

    text: str
    onset_ns: int
    offset_ns: int
    origin: str = "typed"


@dataclass(frozen=True)
class Station:
    """What the capture process says it has opened.

    Attributes:
        session_id: The sitting's id in the library.
        model: The tracker's maker and model.
        rate_hz: Samples per second it gives.
        capabilities: What it can do besides, as in `egma_core.trackers.tracker`.
        display_mm: Width and height of the screen it is set up for, or None.
        microphone: The microphone's name, or "".
        free_bytes: Room left on the library's disk, or None where that is not known.
    """

    session_id: int
    model: str = ""
    rate_hz: float = 0.0
    capabilities: frozenset[str] = frozenset()
    display_mm: tuple[float, float] | None = None
    microphone: str = ""
    free_bytes: int | None = None

    @classmethod
    def told(cls, event: Mapping[str, Any]) -> Station:
        """What the event `ready` tells."""
        tracker: Mapping[str, Any] = event.get("tracker") or {}
        display = tracker.get("display_mm")
        return cls(
            int(event["session_id"]),
            str(tracker.get("model", "")),
            float(tracker.get("rate_hz", 0.0)),
            frozenset(tracker.get("capabilities", ())),
            (float(display[0]), float(display[1])) if display else None,
            str((event.get("microphone") or {}).get("name", "")),
            event.get("free_bytes"),
        )


@dataclass(frozen=True)
class Quality:
    """What the capture process last said of the recording.

    Attributes:
        safe_up_to_ns: Everything up to this host time is on the disk.
        now_ns: Host time when that was said.
        n_samples: Samples of this reading on the disk.
        rate_hz: Samples per second just now.
        loss: Share of the samples of the last 10 s in which no eye was seen.
        distance_mm: Eye to screen, or None where the tracker does not say.
        level_db: How loud the microphone is, in dB of full scale, or None without one.
        free_bytes: Room left on the library's disk, or None where that is not known.
        journal_ok: Whether the journal beside the database is being written.
    """

    safe_up_to_ns: int
    now_ns: int
    n_samples: int
    rate_hz: float
    loss: float
    distance_mm: float | None = None
    level_db: float | None = None
    free_bytes: int | None = None
    journal_ok: bool = True

    @classmethod
    def told(cls, event: Mapping[str, Any]) -> Quality:
        """What the event `progress` tells."""
        return cls(
            int(event["safe_up_to_ns"]),
            int(event["now_ns"]),
            int(event["n_samples"]),
            float(event["rate_hz"]),
            float(event["loss_10s"]),
            event.get("distance_mm"),
            event.get("audio_level_db"),
            event.get("free_bytes"),
            bool(event.get("journal_ok", True)),
        )


@dataclass(frozen=True)
class GateAnswer:
    """How the reading in progress stands at the gate, as the capture process judges it.

    Attributes:
        loss: Share of its samples in which no eye was seen.
        longest_gap_s: Longest time without an eye.
        verdict: `green`, `yellow` or `red`.
        reasons: Why, a sentence each.
    """

    loss: float
    longest_gap_s: float
    verdict: str
    reasons: tuple[str, ...]

    @classmethod
    def told(cls, event: Mapping[str, Any]) -> GateAnswer:
        """What the event `gate` tells."""
        return cls(float(event["loss"]), float(event["longest_gap_s"]), str(event["verdict"]), tuple(map(str, event["reasons"])))


def clock_text(seconds: float) -> str:
    """Seconds as minutes and seconds, `02:31`."""
    whole = max(int(seconds), 0)
    return f"{whole // 60:02d}:{whole % 60:02d}"
