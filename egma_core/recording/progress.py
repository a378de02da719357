"""How a recording stands while it runs, and how it ended, as values."""

from __future__ import annotations

from dataclasses import dataclass

from egma_core.errors import EgmaError
from egma_core.recording.gate import Gate
from egma_core.recording.watch import Trouble
from egma_core.recording.writer import Written
from egma_core.store.values import ClockFit
from egma_core.trackers.tracker import TrackerEvent


@dataclass(frozen=True)
class Progress:
    """How a recording stands.

    Attributes:
        written: How far it is on the disk.
        trouble: Why the tracker or the store failed this time, or None.
        rate_hz: Samples per second over the last 10 s.
        loss: Share of the samples due in the last 10 s in which neither eye was seen.
        loss_reading: The same of the whole reading.
        longest_gap_s: Longest time without either eye in it, in s.
        distance_mm: Eyes to display centre just now, or None where nobody is seen or the tracker does not say.
        audio_level_db: Level of the microphone just now, or None without one.
        free_bytes: Room on the disk, or None where it cannot be reached.
        events: What happened to the tracker since the last chunk.
        troubles: What threatens the recording since the last chunk.
    """

    written: Written
    trouble: EgmaError | None = None
    rate_hz: float = 0.0
    loss: float = 0.0
    loss_reading: float = 0.0
    longest_gap_s: float = 0.0
    distance_mm: float | None = None
    audio_level_db: float | None = None
    free_bytes: int | None = None
    events: tuple[TrackerEvent, ...] = ()
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True)
class Ending:
    """How a reading ended.

    Attributes:
        gate: How it stands at the gate.
        fits: How well the clocks of tracker and microphone fit the host's.
        latencies_ms: Time from a sample to its being in the database: `p50`, `p99`, `max`; {} without samples.
    """

    gate: Gate
    fits: tuple[ClockFit, ...]
    latencies_ms: dict[str, float]
