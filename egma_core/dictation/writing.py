"""What was heard, written down: spoken punctuation becomes punctuation, and each sentence knows its words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from egma_core.speech.spoken import tokens
from egma_core.speech.transcript import Transcript, Word

_MARKS = {
    ("full", "stop"): ".",
    ("period",): ".",
    ("question", "mark"): "?",
    ("exclamation", "mark"): "!",
    ("comma",): ",",
    ("semicolon",): ";",
    ("new", "line"): "\n",
    ("newline",): "\n",
    ("next", "line"): "\n",
    ("new", "paragraph"): "\n",
}
_DETERMINERS = ("a", "an", "the", "this", "that", "any", "no", "of", "one", "another", "each", "its", "same")
_STRETCHES = ("time", "short", "long", "recovery", "interval", "postoperative", "perioperative")
_NO_MARK_BEHIND = frozenset((*_DETERMINERS, *_STRETCHES))
"""Behind these a period is a stretch of time, and a new line a catheter."""

_NO_END = frozenset(["mr.", "mrs.", "ms.", "dr.", "vs.", "approx.", "no.", "st."])
_ENDS = ".?!\n"


@dataclass
class Written:
    """A sentence as it was dictated.

    Attributes:
        text: The sentence, with a capital at its beginning and a mark at its end; "" where only punctuation was said.
        words: Every word that was said for it, spoken punctuation included, with times in s since the recording's start.
    """

    text: str = ""
    words: list[Word] = field(default_factory=list[Word])


def write_down(transcript: Transcript) -> list[Written]:
    """The sentences of a transcript.

    `full stop`, `period`, `comma`, `semicolon`, `question mark`, `exclamation mark`, `new line` and `new paragraph` become what they
    name, unless the word before shows that they are meant as words (`a short period`, `no new line`). Otherwise the engine's own
    punctuation counts.
    """
    sentences: list[Written] = []
    current = Written()
    pieces = list(_pieces(transcript))
    for at, (text, mark, words) in enumerate(pieces):
        current.words += words
        if mark and mark != "\n" and current.text:
            current.text = current.text.rstrip(" .,;:?!") + mark
        elif not mark:
            current.text = f"{current.text} {text}".strip()
        ended = (mark or text)[-1:] in _ENDS and text.lower() not in _NO_END
        mark_follows = at + 1 < len(pieces) and bool(pieces[at + 1][1])
        if ended and not mark_follows:
            sentences.append(current)
            current = Written()
    if current.words or current.text:
        sentences.append(current)
    return [Written(_finished(sentence.text), sentence.words) for sentence in sentences]


def _pieces(transcript: Transcript) -> Iterator[tuple[str, str, list[Word]]]:
    """The transcript word by word: its text, or the mark that it stands for, with what was said."""
    written = tokens(transcript.text)
    times = iter(transcript.words)
    said = [[word] if token.spoken and (word := next(times, None)) else [] for token in written]
    bare = ["".join(character for character in token.text.lower() if character.isalpha()) for token in written]
    at = 0
    while at < len(written):
        for phrase, mark in _MARKS.items():
            end = at + len(phrase)
            if tuple(bare[at:end]) == phrase and (at == 0 or bare[at - 1] not in _NO_MARK_BEHIND):
                yield "", mark, [word for words in said[at:end] for word in words]
                at = end
                break
        else:
            yield written[at].text, "", said[at]
            at += 1


def _finished(text: str) -> str:
    """A sentence with its capital and its mark; "" where nothing but marks is left."""
    text = text.strip()
    if not any(character.isalnum() for character in text):
        return ""
    if text[-1] not in ".?!":
        text = f"{text.rstrip(' ,;:-')}."
    return text[0].upper() + text[1:]
