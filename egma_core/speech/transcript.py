"""Words with their times: the smallest thing that a recording of speech is taken apart into."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """One word as it was said.

    Attributes:
        text: The word, as it is written.
        onset_s: When it began, in seconds since the reading's start (or the recording's, outside a reading).
        offset_s: When it ended, likewise.
        confidence: How sure whoever heard or aligned it is, 0 to 1; None where nobody says.
    """

    text: str
    onset_s: float
    offset_s: float
    confidence: float | None = None


@dataclass(frozen=True)
class Transcript:
    """What was understood of a recording.

    Attributes:
        words: Its words with their times, in seconds since the recording's start, in order.
        text: The whole text, with the punctuation that the engine put in.
        engine: What heard it.
        aligner: What the words' times come from: the engine itself, `pocketsphinx`, or `even` where they could only be spread
            evenly over the recording.
    """

    words: tuple[Word, ...]
    text: str
    engine: str
    aligner: str = ""
