"""What happens while a reading is recorded, as the recorder hands it over and the library gives it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from egma_core.gaze.samples import GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.speech.sentences import TextOrigin


@dataclass(frozen=True)
class SpokenSentence:
    """A sentence as recorded, with onset and offset in ns on the host clock."""

    text: str
    onset_ns: int
    offset_ns: int
    origin: TextOrigin


@dataclass(frozen=True)
class Notification:
    """Something worth remembering that happened during a reading, in ns on the host clock."""

    host_ns: int
    kind: str
    text: str


@dataclass(frozen=True)
class AudioChunk:
    """A stretch of what the microphone heard.

    Attributes:
        t0_ns: When its first sample was heard, on the host clock.
        t1_ns: When its last sample had been heard, on the host clock.
        first_sample: Index of its first sample in the reading's audio; stretches that were lost leave a gap there.
        rate_hz: Samples per second.
        samples: (n,) one channel.
    """

    t0_ns: int
    t1_ns: int
    first_sample: int
    rate_hz: int
    samples: NDArray[np.int16]


@dataclass(frozen=True)
class TextEdit:
    """One key stroke, paste or deletion; replaying them gives what stood in a line at any instant.

    Attributes:
        host_ns: When it was made, on the host clock.
        line: Which sentence line of the reading, counted from 0.
        position: Character of the line at which it was made, counted from 0.
        removed: The characters that went.
        inserted: The characters that came in their place.
    """

    host_ns: int
    line: int
    position: int
    removed: str
    inserted: str


@dataclass(frozen=True)
class HeardWord:
    """A word as it was heard live, by `engine`; it stays even where the text was edited later.

    Attributes:
        text: The word.
        onset_ns: When it began, on the host clock.
        offset_ns: When it ended, on the host clock.
        confidence: How sure the engine is, 0 to 1; None where it does not say.
        engine: What heard it.
    """

    text: str
    onset_ns: int
    offset_ns: int
    confidence: float | None
    engine: str


@dataclass(frozen=True)
class RawBatch:
    """Everything that happened in one stretch of a reading; stored in one transaction.

    Attributes:
        gaze: Samples of the stretch; may be empty.
        viewports: Viewports painted in it.
        sentences: Sentences finished in it.
        notifications: What else happened.
        audio: Audio heard in it.
        edits: Key strokes made in it.
        words: Words heard in it.
    """

    gaze: GazeSamples
    viewports: tuple[Viewport, ...] = ()
    sentences: tuple[SpokenSentence, ...] = ()
    notifications: tuple[Notification, ...] = ()
    audio: tuple[AudioChunk, ...] = ()
    edits: tuple[TextEdit, ...] = ()
    words: tuple[HeardWord, ...] = ()

    def __len__(self) -> int:
        """How many there are of all of them; a chunk of audio counts as one."""
        others = (self.viewports, self.sentences, self.notifications, self.audio, self.edits, self.words)
        return len(self.gaze) + sum(map(len, others))


@dataclass(frozen=True)
class ClockFit:
    """How well a device's clock fits the host's over a reading: `host = device * (1 + drift) + offset`, and what is left.

    Attributes:
        stream: Whose clock.
        n: How many pairs of times it was fitted to.
        offset_ns: Host clock where the device's reads 0.
        drift_ppm: How much faster the host's clock runs, in millionths.
        residual_p50_ms: Half of the residuals are no larger.
        residual_p99_ms: 99 % of them are no larger.
        residual_max_ms: The largest of them.
        verdict: `flagged` where the residuals are larger than the stream may have.
    """

    stream: Literal["gaze", "audio"]
    n: int
    offset_ns: int
    drift_ppm: float
    residual_p50_ms: float
    residual_p99_ms: float
    residual_max_ms: float
    verdict: Literal["good", "flagged"]
