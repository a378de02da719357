"""A report being put in order: what was said, rewritten, joined, split and struck out, with a way back. No Qt."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from egma_app.capture.sitting import SaidSentence
from egma_core.speech.sentences import Sentence, TextOrigin

_SAME_S = 1e-6  # times in the library are seconds made of nanoseconds


@dataclass(frozen=True)
class DraftSentence:
    """One sentence of a draft, in ns on the host clock.

    Attributes:
        key: What tells it from the others.
        text: Its words as they stand now.
        onset_ns: When it began.
        offset_ns: When it ended.
        origin: Where its words came from.
        stem: The sentence as it was said, or None where this one is joined of several.
        edited: Whether it stands otherwise than it was said.
    """

    key: int
    text: str
    onset_ns: int
    offset_ns: int
    origin: TextOrigin
    stem: SaidSentence | None
    edited: bool = False


@dataclass(frozen=True)
class _Change:
    """Sentences that went and the ones that came in their place."""

    before: tuple[DraftSentence, ...]
    after: tuple[DraftSentence, ...]


class Draft:
    """The sentences of one reading. What is said meanwhile joins them, and is not touched by undoing."""

    def __init__(self) -> None:
        """Start empty."""
        self._by_key: dict[int, DraftSentence] = {}
        self._done: list[_Change] = []
        self._next_key = 0

    @property
    def sentences(self) -> tuple[DraftSentence, ...]:
        """The sentences by onset."""
        return tuple(sorted(self._by_key.values(), key=lambda sentence: (sentence.onset_ns, sentence.key)))

    @property
    def changed(self) -> bool:
        """Whether it stands otherwise than it was said."""
        return bool(self._done)

    def add(self, said: SaidSentence) -> DraftSentence:
        """Something was said."""
        made = DraftSentence(self._key(), said.text, said.onset_ns, said.offset_ns, cast(TextOrigin, said.origin), said)
        self._by_key[made.key] = made
        return made

    def rewrite(self, key: int, text: str) -> None:
        """Give a sentence other words, at the same time; no words strike it out."""
        old, text = self._by_key[key], " ".join(text.split())
        if not text:
            self.remove(key)
        elif text != old.text:
            self._change([old], [dataclasses.replace(old, text=text, edited=True)])

    def remove(self, key: int) -> None:
        """Strike a sentence out."""
        self._change([self._by_key[key]], [])

    def join(self, key: int) -> int | None:
        """Join a sentence and the next one; what was typed and dictated counts as typed.

        Returns:
            The key of the joined sentence, or None if there is no next one.
        """
        shown = self.sentences
        place = shown.index(self._by_key[key])
        if place + 1 == len(shown):
            return None
        one, other = shown[place : place + 2]
        made = DraftSentence(
            self._key(),
            f"{one.text} {other.text}",
            min(one.onset_ns, other.onset_ns),
            max(one.offset_ns, other.offset_ns),
            one.origin if one.origin == other.origin else "typed",
            None,
            edited=True,
        )
        self._change([one, other], [made])
        return made.key

    def split(self, key: int, first: str, second: str) -> int | None:
        """Put two sentences in the place of one, which share its time by their numbers of characters.

        Returns:
            The key of the second, or None where one of them has no words.
        """
        old = self._by_key[key]
        first, second = " ".join(first.split()), " ".join(second.split())
        if not first or not second:
            return None
        middle_ns = old.onset_ns + (old.offset_ns - old.onset_ns) * len(first) // (len(first) + len(second))
        parts = (
            dataclasses.replace(old, key=self._key(), text=first, offset_ns=middle_ns, edited=True),
            dataclasses.replace(old, key=self._key(), text=second, onset_ns=middle_ns, edited=True),
        )
        self._change([old], parts)
        return parts[1].key

    def undo(self) -> bool:
        """Take the last change back; whether there was one."""
        if not self._done:
            return False
        change = self._done.pop()
        self._put(change.after, change.before)
        return True

    def revised(self, started_ns: int, recorded: Sequence[Sentence]) -> tuple[Sentence, ...]:
        """The whole text in seconds since the reading's start, each sentence with the id of the recorded one that it stems from.

        Args:
            started_ns: The reading's start on the host clock.
            recorded: The sentences as they were recorded.
        """
        return tuple(
            Sentence(
                sentence.text,
                (sentence.onset_ns - started_ns) / 1e9,
                (sentence.offset_ns - started_ns) / 1e9,
                sentence.origin,
                _recorded_id(sentence.stem, started_ns, recorded),
            )
            for sentence in self.sentences
        )

    def _change(self, before: Iterable[DraftSentence], after: Iterable[DraftSentence]) -> None:
        change = _Change(tuple(before), tuple(after))
        self._put(change.before, change.after)
        self._done.append(change)

    def _put(self, gone: Iterable[DraftSentence], come: Iterable[DraftSentence]) -> None:
        for sentence in gone:
            del self._by_key[sentence.key]
        for sentence in come:
            self._by_key[sentence.key] = sentence

    def _key(self) -> int:
        self._next_key += 1
        return self._next_key


def _recorded_id(said: SaidSentence | None, started_ns: int, recorded: Sequence[Sentence]) -> int | None:
    if said is None:
        return None
    onset_s = (said.onset_ns - started_ns) / 1e9
    same = (one.id for one in recorded if one.text == said.text and abs(one.onset_s - onset_s) < _SAME_S)
    return next(same, None)
