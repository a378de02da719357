"""Sentences: what a reader said or typed, with onset and offset, and the one splitter used everywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from egma_core.speech.transcript import Word

TextOrigin = Literal["dictation", "typed", "label", "simulated"]
"""Where words came from. Kept in every row made from them; origins never mix unless somebody asks for it."""

_NEWLINE = re.compile(r"\r\n?|\n")
_ENUMERATION = re.compile(r"[0-9]+\.+[^0-9]")
_TOKEN = re.compile(r"\w+|[^\w\s]+")
_UNDECODABLE = "\ufffd\ufffd"


@dataclass(frozen=True)
class Sentence:
    """One sentence of a report.

    Attributes:
        text: The sentence as it was said or typed.
        onset_s: When its first word or key came, in seconds since the reading's start.
        offset_s: When its last word or key came, in seconds since the reading's start.
        origin: Where the words came from.
        id: The store's id of the recorded sentence that it is or stems from; None for one that was never recorded.
        words: Its words with their times, where they were aligned.
    """

    text: str
    onset_s: float
    offset_s: float
    origin: TextOrigin
    id: int | None = None
    words: tuple[Word, ...] = ()


def split_sentences(text: str) -> tuple[str, ...]:
    """Split a report into sentences, in order, by the rule that EGMA was trained with.

    The report is cut at enumerations ("1. ", together with the number, the dots and the one character behind
    them) and at ". "; pieces without a single token of `normalise_sentence` are dropped. A full stop survives
    only at the very end. The rule is kept to the letter, because sentences pair with gaze by position: a number
    that closes a sentence ("zone 3. ") is taken for an enumeration and is lost.

    Args:
        text: A report, a dictation or a single sentence.

    Returns:
        Readable sentences in their own case, without line breaks or doubled spaces.

    Source: MedCLIP and EGMA (Ma et al., NeurIPS 2024), preparation of reports.
    """
    sentences: list[str] = []
    for part in _ENUMERATION.split(_NEWLINE.sub(" ", text)):
        for piece in part.split(". "):
            sentence = " ".join(piece.replace(_UNDECODABLE, " ").split())
            if normalise_sentence(sentence):
                sentences.append(sentence)
    return tuple(sentences)


def normalise_sentence(text: str) -> str:
    """The form of a sentence that a model is given: lower case, ASCII, tokens joined by single spaces.

    Tokens are runs of word characters and runs of punctuation; characters outside ASCII are struck from each
    token. Applying it twice changes nothing.

    Args:
        text: One sentence.

    Returns:
        The tokens joined by single spaces; "" where none is left.
    """
    tokens = (t.encode("ascii", "ignore").decode("ascii") for t in _TOKEN.findall(text.replace(_UNDECODABLE, " ").lower()))
    return " ".join(t for t in tokens if t)
