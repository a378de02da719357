"""The part of `Store` that is about words: audio, key strokes, what was heard, and the text as it was revised."""

from __future__ import annotations

from collections.abc import Sequence

from egma_core.speech.sentences import Sentence
from egma_core.store import raw, revisions
from egma_core.store.opened import OpenLibrary
from egma_core.store.values import AudioChunk, Changes, HeardWord, Revision, TextEdit


class WordStore(OpenLibrary):
    """What was said and typed in readings."""

    def audio_chunks(self, reading_id: int, from_seq: int = 0) -> tuple[AudioChunk, ...]:
        """The audio of a reading in order, from chunk `from_seq` on; its samples are not writable.

        Raises:
            StoreError: A chunk is missing or damaged; the message says which and when.
        """
        with self._database.read() as connection:
            return raw.audio_chunks(connection, reading_id, from_seq)

    def edits(self, reading_id: int) -> tuple[TextEdit, ...]:
        """Every key stroke of a reading, in order."""
        with self._database.read() as connection:
            return raw.edits(connection, reading_id)

    def words(self, reading_id: int) -> tuple[HeardWord, ...]:
        """The words of a reading as they were heard live, in the order they came."""
        with self._database.read() as connection:
            return raw.words(connection, reading_id)

    def sentences(self, reading_id: int) -> tuple[Sentence, ...]:
        """The text of a reading that counts, in seconds since its start: the newest revision, else what was recorded."""
        with self._database.read() as connection:
            return revisions.sentences(connection, reading_id)

    def recorded_sentences(self, reading_id: int) -> tuple[Sentence, ...]:
        """The sentences as they were recorded, with their ids, in the order they were finished, in seconds since its start."""
        with self._database.read() as connection:
            return raw.sentences(connection, reading_id)

    def save_revision(self, reading_id: int, sentences: Sequence[Sentence], reason: str, aligner: str = "") -> Changes:
        """Keep `sentences` as the whole text of a reading, beside all earlier ones; answers with the revision's id.

        Args:
            reading_id: The reading.
            sentences: The text, in order; `Sentence.id` names the recorded sentence that one stems from.
            reason: What was done: edited, aligned, ...
            aligner: What gave the words their times.

        Raises:
            StoreError: There is no such reading, or a sentence stems from another one's.
        """
        with self._database.write() as connection:
            return revisions.save(connection, reading_id, sentences, reason, aligner)

    def revisions(self, reading_id: int) -> tuple[Revision, ...]:
        """Every revision of a reading's text, in order; the last one counts."""
        with self._database.read() as connection:
            return revisions.revisions(connection, reading_id)

    def revision_id(self, reading_id: int) -> int | None:
        """Row id of the revision that counts, or None where the text was never revised."""
        with self._database.read() as connection:
            return revisions.newest_id(connection, reading_id)
