"""The seam every microphone fits: start, drain, stop, and what is known of it and its clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from egma_core.store.values import AudioChunk, ClockFit

RATE_HZ = 16_000
"""Samples per second that are kept: what every recogniser of speech takes. Voices are band-limited below 8 kHz."""

MicrophoneEventKind = Literal["lost", "restored", "overflow", "silent", "warning", "finished"]


@dataclass(frozen=True)
class MicrophoneDescription:
    """What is known of a microphone.

    Attributes:
        name: The name it is opened by.
        model: What the system calls it, for people.
        rate_hz: Samples per second as they are handed out.
        latency_s: What the system says lies between a sound and its arrival in this program.
        device_rate_hz: Samples per second that the device itself delivers.
        origin: `simulated` where a recording is played in place of a voice.
    """

    name: str
    model: str
    rate_hz: int
    latency_s: float
    device_rate_hz: int = RATE_HZ
    origin: Literal["microphone", "simulated"] = "microphone"


@dataclass(frozen=True)
class MicrophoneEvent:
    """Something that happened to the microphone.

    Attributes:
        host_ns: When it was noticed, on the host clock.
        kind: What, for programs.
        text: What, and what to do about it, for people.
    """

    host_ns: int
    kind: MicrophoneEventKind
    text: str


@dataclass(frozen=True)
class FoundMicrophone:
    """A microphone that is there.

    Attributes:
        name: What `open_microphone` takes.
        model: What it is, for people.
        default: Whether the system would choose it.
    """

    name: str
    model: str
    default: bool


class Microphone(Protocol):
    """A source of audio, one channel of 16 bits. It is pulled, never calls back, and is used from one thread.

    `start` begins the audio of a reading, whose first sample has index 0, and `stop` ends it; both may be called again. `drain`
    returns what has come since the last call, oldest first; stretches that were lost leave a gap in `first_sample` and are told
    by `events`. A device that goes away is told too and looked for until it is back; `drain` returns nothing meanwhile.
    """

    @property
    def description(self) -> MicrophoneDescription:
        """What this microphone is."""
        ...

    def start(self) -> None:
        """Begin the audio of a reading.

        Raises:
            RecordingError: The device does not deliver.
        """
        ...

    def drain(self) -> list[AudioChunk]:
        """Every sample since the last call, with times on the host clock as well as they are known by then."""
        ...

    def events(self) -> Sequence[MicrophoneEvent]:
        """What has happened since the last call, oldest first."""
        ...

    def level_db(self) -> float | None:
        """Level of the last half second in dB of full scale, -100 for silence; None while nothing comes."""
        ...

    def clock_fit(self) -> ClockFit | None:
        """How well the device's clock fits the host's since `start`; None where too little has come to say."""
        ...

    def stop(self) -> None:
        """End the audio of a reading; what belongs to it can still be drained."""
        ...

    def close(self) -> None:
        """Let the device go."""
        ...
