"""The words of a reading's text as it was finally edited, each at the time when it was said."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from egma_core.dictation.sound import ReadingSound
from egma_core.errors import AlignmentError, SpeechError
from egma_core.speech.alignment import ALIGNER, EVEN, align_words, spread_words
from egma_core.speech.lexicon import Lexicon
from egma_core.speech.sentences import Sentence
from egma_core.speech.transcript import Word
from egma_core.store.store import Store
from egma_core.store.values import Changes

REASON = "aligned"

_MARGINS_S = (0.5, 1.5)
_LONGEST_S = 120.0


def align_reading(store: Store, reading_id: int, progress: Callable[[int, int], None] | None = None) -> Changes:
    """Find the words of a reading's dictated sentences in its audio, and keep them as a revision of its text.

    Sentences that were typed keep the times of their keys. Each dictated sentence is looked for around the time it has, between its
    neighbours; its onset and offset become those of its words. Where the words are not found they are spread evenly over the
    sentence's time, and the revision's aligner says for which sentences, counted from 1.

    Args:
        store: The library, open for writing.
        reading_id: The reading.
        progress: Called with (done, total) sentences.

    Returns:
        The revision, or no change where nothing was dictated or the text was aligned already.

    Raises:
        SpeechError: The reading has no audio.
        MissingExtraError: The aligner is not installed.
        StoreError: There is no such reading, or its audio is damaged.
    """
    sentences = store.sentences(reading_id)
    revisions = store.revisions(reading_id)
    if not any(sentence.origin == "dictation" for sentence in sentences) or (revisions and revisions[-1].reason == REASON):
        return Changes(frozenset())
    sound = ReadingSound(store, reading_id)
    sound.update()
    if not sound.end:
        raise SpeechError(f"Reading {reading_id} has no audio.", "Only readings that were recorded with a microphone can be aligned.")
    aligned, lost = align_sentences(sound, sentences, store.reading(reading_id).started_ns, progress=progress)
    return store.save_revision(reading_id, aligned, REASON, f"{ALIGNER}; {EVEN} in {', '.join(map(str, lost))}" if lost else ALIGNER)


def align_sentences(
    sound: ReadingSound,
    sentences: Sequence[Sentence],
    started_ns: int,
    lexicon: Lexicon | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[tuple[Sentence, ...], list[int]]:
    """The sentences with the times of their words, and the numbers of those that were not found, counted from 1."""
    aligned: list[Sentence] = []
    lost: list[int] = []
    for index, sentence in enumerate(sentences):
        if sentence.origin == "dictation":
            after_s = aligned[-1].offset_s if aligned else float("-inf")
            before_s = sentences[index + 1].onset_s if index + 1 < len(sentences) else float("inf")
            words = _found(sound, sentence, (after_s, before_s), started_ns, lexicon)
            if not words:
                lost.append(index + 1)
                words = spread_words(sentence.text, sentence.onset_s, sentence.offset_s)
            sentence = dataclasses.replace(sentence, words=words) if not words else _timed(sentence, words)
        aligned.append(sentence)
        if progress is not None:
            progress(index + 1, len(sentences))
    return tuple(aligned), lost


def _timed(sentence: Sentence, words: tuple[Word, ...]) -> Sentence:
    return dataclasses.replace(sentence, words=words, onset_s=words[0].onset_s, offset_s=words[-1].offset_s)


def _found(
    sound: ReadingSound, sentence: Sentence, between_s: tuple[float, float], started_ns: int, lexicon: Lexicon | None
) -> tuple[Word, ...]:
    """The sentence's words in seconds since the reading's start; () where they are not found."""
    for margin_s in _MARGINS_S:
        # A neighbour's time that lies within this sentence's is no border.
        begin_s = max(sentence.onset_s - margin_s, min(between_s[0], sentence.onset_s))
        end_s = min(sentence.offset_s + margin_s, max(between_s[1], sentence.offset_s))
        first, end = (sound.sample_at(started_ns + round(time_s * 1e9)) for time_s in (begin_s, end_s))
        if not 0 < end - first <= _LONGEST_S * sound.rate_hz:
            return ()
        try:
            words = align_words(sound.samples(first, end), sound.rate_hz, sentence.text, lexicon)
        except AlignmentError:
            continue
        return tuple(
            dataclasses.replace(
                word,
                onset_s=(sound.host_ns(first + word.onset_s * sound.rate_hz) - started_ns) / 1e9,
                offset_s=(sound.host_ns(first + word.offset_s * sound.rate_hz) - started_ns) / 1e9,
            )
            for word in words
        )
    return ()
