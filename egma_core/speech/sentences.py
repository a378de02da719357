"""Sentences: what a reader said or typed, with onset and offset, and the one splitter used everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TextOrigin = Literal["dictation", "typed", "label", "simulated"]
"""Where words came from. Kept in every row made from them; origins never mix unless somebody asks for it."""


@dataclass(frozen=True)
class Sentence:
    """One sentence of a report.

    Attributes:
        text: The sentence as it was said or typed.
        onset_s: When its first word or key came, in seconds since the reading's start.
        offset_s: When its last word or key came, in seconds since the reading's start.
        origin: Where the words came from.
        id: The store's id of the recorded sentence, or None before it is stored.
    """

    text: str
    onset_s: float
    offset_s: float
    origin: TextOrigin
    id: int | None = None
