"""Audio, key strokes, words and revised texts, on both engines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from egma_core.errors import StoreError
from egma_core.gaze.samples import GazeSamples
from egma_core.speech.sentences import Sentence
from egma_core.speech.transcript import Word
from egma_core.store.store import Store
from egma_core.store.values import AudioChunk, HeardWord, RawBatch, SpokenSentence, TextEdit

STARTED = 10**15
SECOND = 10**9
NO_GAZE = GazeSamples.blank(0, "tracker")
Begin = Callable[..., int]


def audio(first_sample: int, n: int = 1600) -> AudioChunk:
    samples = np.random.default_rng(first_sample).integers(-(2**15), 2**15, n).astype(np.int16)
    at_ns = STARTED + first_sample * 62_500
    return AudioChunk(at_ns, at_ns + n * 62_500, first_sample, 16_000, samples)


def same(left: AudioChunk, right: AudioChunk) -> bool:
    plain = all(getattr(left, name) == getattr(right, name) for name in ("t0_ns", "t1_ns", "first_sample", "rate_hz"))
    return plain and left.samples.dtype == right.samples.dtype and np.array_equal(left.samples, right.samples)


def test_words_come_back_as_they_were(store: Store, begin: Begin) -> None:
    reading = begin(store)
    strokes = (TextEdit(STARTED + 5, 0, 0, "", "N"), TextEdit(STARTED + 9, 0, 1, "x", ""), TextEdit(STARTED + 11, 1, 0, "", "Öl 😀"))
    heard = (HeardWord("no", STARTED, STARTED + 7, 0.9, "whisper"), HeardWord("effusion", STARTED + 7, STARTED + 20, None, "whisper"))
    chunks = (audio(0), audio(1600))
    batch = RawBatch(NO_GAZE, audio=chunks, edits=strokes, words=heard)
    assert len(batch) == 7
    assert store.append(reading, batch).tables == {"audio_chunk", "text_edit", "word"}
    store.append(reading, RawBatch(NO_GAZE, audio=(audio(4800),)))
    assert store.edits(reading) == strokes
    assert store.words(reading) == heard
    assert all(same(*pair) for pair in zip(store.audio_chunks(reading), (*chunks, audio(4800)), strict=True))
    assert [chunk.first_sample for chunk in store.audio_chunks(reading, from_seq=1)] == [1600, 4800]
    assert store.audio_chunks(reading, from_seq=3) == ()
    assert store.tail(reading).next_seq == {
        **dict.fromkeys(("gaze_chunk", "viewport", "sentence", "notification"), 0),
        **{"audio_chunk": 3, "text_edit": 3, "word": 2},
    }
    assert store.reading_health(reading).last_durable_ns == store.reading(reading).started_ns  # there is no gaze


def test_audio_that_is_missing_or_damaged_is_told(store: Store, begin: Begin) -> None:
    readings = [begin(store) for _ in range(4)]
    for reading in readings:
        for i in range(4):
            store.append(reading, RawBatch(NO_GAZE, audio=(audio(1600 * i + (800 if i == 3 else 0)),)))
        store.end_reading(reading, "complete", STARTED + SECOND)
    with store._database.write() as connection:
        connection.exec_driver_sql(f"DELETE FROM audio_chunk WHERE reading_id = {readings[1]} AND seq = 1")
        connection.exec_driver_sql(f"DELETE FROM audio_chunk WHERE reading_id = {readings[2]} AND seq = 3")
        values = "reading_id, 9, t0_ns, t1_ns, n, crc32 - 1, format, payload, first_sample, rate_hz"
        connection.exec_driver_sql(
            "INSERT INTO audio_chunk (reading_id, seq, t0_ns, t1_ns, n, crc32, format, payload, first_sample, rate_hz) "
            f"SELECT {values} FROM audio_chunk WHERE reading_id = {readings[3]} AND seq = 1"
        )
        connection.exec_driver_sql(f"DELETE FROM audio_chunk WHERE reading_id = {readings[3]} AND seq = 1")
    assert len(store.audio_chunks(readings[0])) == 4, "audio that the microphone lost is no damage"
    for reading, chunk, until in ((readings[1], 1, "0.20 s"), (readings[2], 3, "the end"), (readings[3], 1, "0.20 s")):
        with pytest.raises(StoreError, match=rf"Chunk {chunk} is missing or damaged in the audio of reading {reading} .* to {until}"):
            store.audio_chunks(reading)
    found = {r.id: (r.n_audio_samples, r.n_audio_gaps) for r in store.check().readings}
    assert [found[r] for r in readings] == [(6400, 1), (4800, 2), (4800, 1), (4800, 8)]


def test_a_journal_s_rows_keep_their_numbers(store: Store, begin: Begin, samples: Callable[..., GazeSamples]) -> None:
    reading = begin(store)
    store.append(reading, RawBatch(samples(3)))
    store.append(reading, RawBatch(samples(3, at_ms=300)), next_seq={"gaze_chunk": 2}, patience_s=0.1)
    store.append(reading, RawBatch(samples(3, at_ms=400)))
    assert store.tail(reading).next_seq["gaze_chunk"] == 4
    health = store.reading_health(reading)
    assert (health.n_samples, health.n_gaps) == (9, 1)
    with pytest.raises(StoreError, match="Chunk 1 is missing"):
        store.gaze(reading)
    with pytest.raises(StoreError, match="no reading 99"):
        store.reading_health(99)


def test_the_newest_revision_counts_and_what_was_recorded_stays(store: Store, begin: Begin) -> None:
    reading = begin(store)
    said = (SpokenSentence("No effusoin.", STARTED, STARTED + SECOND, "dictation"), SpokenSentence("Ok.", STARTED, STARTED, "typed"))
    store.append(reading, RawBatch(NO_GAZE, sentences=said))
    recorded = store.sentences(reading)
    assert (store.revisions(reading), store.revision_id(reading)) == ((), None)
    words = (Word("No", 0.25, 0.5, 0.75), Word("effusion", 0.5, 1.0))
    mended = Sentence("No effusion.", 0.25, 1.0, "dictation", recorded[0].id, words)
    added = Sentence("Heart normal.", 2.123456789, 3.5, "typed")
    first = store.save_revision(reading, (mended, added), "edited", "forced").id
    assert store.sentences(reading) == (mended, added)
    assert store.recorded_sentences(reading) == recorded
    assert [s.text for s in recorded] == ["No effusoin.", "Ok."]
    entry = store.reading(reading)
    assert (entry.n_sentences, entry.text_origins) == (2, ("dictation", "typed"))
    store.save_revision(reading, (added,), "deleted a sentence")
    assert store.readings()[0].text_origins == ("typed",)
    nothing = store.save_revision(reading, (), "deleted all").id
    assert (store.sentences(reading), store.reading(reading).n_sentences, store.revision_id(reading)) == ((), 0, nothing)
    kept = store.revisions(reading)
    assert [(r.seq, r.reason, len(r.sentences)) for r in kept] == [(0, "edited", 2), (1, "deleted a sentence", 1), (2, "deleted all", 0)]
    assert kept[0].id == first and kept[0].created_utc.utcoffset() is not None
    store.save_revision(reading, kept[0].sentences, "undone")
    assert store.sentences(reading) == (mended, added)


def test_a_revision_is_of_its_own_reading(store: Store, begin: Begin) -> None:
    one, other = begin(store), begin(store)
    store.append(one, RawBatch(NO_GAZE, sentences=(SpokenSentence("A.", STARTED, STARTED, "typed"),)))
    with pytest.raises(StoreError, match=f"revised sentence of reading {other}"):
        store.save_revision(other, store.sentences(one), "edited")
    assert store.revisions(other) == ()
    with pytest.raises(StoreError, match="no reading 99"):
        store.save_revision(99, (), "edited")


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(onset_ns=st.integers(0, 4 * 3600 * SECOND), length_ns=st.integers(0, 60 * SECOND))
def test_times_survive_a_revision_to_the_nanosecond(store: Store, begin: Begin, onset_ns: int, length_ns: int) -> None:
    reading = begin(store)
    said = SpokenSentence("A.", STARTED + onset_ns, STARTED + onset_ns + length_ns, "typed")
    store.append(reading, RawBatch(NO_GAZE, sentences=(said,)))
    recorded = store.sentences(reading)
    store.save_revision(reading, recorded, "same")
    assert store.sentences(reading) == recorded
