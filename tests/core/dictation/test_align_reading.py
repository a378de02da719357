from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from egma_app.cli.main import egma
from egma_core.dictation.align import align_reading
from egma_core.errors import SpeechError
from egma_core.speech.audio import read_wav
from egma_core.store.store import Store

pytest.importorskip("pocketsphinx")

RATE = 16_000
CLIP, TEXT = "librivox/sense_and_sensibility_01_austen_64kb-0880.wav", "He was not an ill disposed young man."
ONSETS_S = (0.21, 0.33, 0.56, 1.13, 1.30, 1.48, 2.11, 2.33)


@pytest.fixture
def clip(shared_data: Path) -> np.ndarray:
    samples, rate = read_wav(shared_data / "speech" / CLIP)
    assert rate == RATE
    return samples


def quiet(seconds: float) -> np.ndarray:
    return np.random.default_rng(2).normal(0, 5, round(seconds * RATE))


def test_the_words_of_the_edited_text_get_the_times_at_which_they_were_said(
    store: Store, begin: Callable[..., Any], clip: np.ndarray
) -> None:
    reading = begin()
    reading.hear(quiet(2))
    reading.hear(clip)
    reading.hear(quiet(2))
    reading.hear(clip)
    reading.hear(quiet(2))
    second_s = 4 + len(clip) / RATE
    reading.say("He was not a lill posed man.", 2.3, 4.6)
    reading.say("typed in between", 5.0, 5.5, "typed")
    reading.say("Complete nonsense instead of it.", second_s + 0.2, second_s + 2.7)
    heard, typed, wrong = store.recorded_sentences(reading.id)
    edited = (heard.__class__(TEXT, heard.onset_s, heard.offset_s, "dictation", heard.id), typed)
    store.save_revision(reading.id, edited, "edited")
    changes = align_reading(store, reading.id)
    first, second = store.sentences(reading.id)
    assert changes.id == store.revision_id(reading.id)
    assert store.revisions(reading.id)[-1].reason == "aligned"
    assert [word.text for word in first.words] == TEXT.rstrip(".").split()
    assert np.abs(np.array([word.onset_s - 2 for word in first.words]) - ONSETS_S).max() < 0.2
    assert np.median(np.abs(np.array([word.onset_s - 2 for word in first.words]) - ONSETS_S)) < 0.021
    assert (first.onset_s, first.offset_s, first.id) == (first.words[0].onset_s, first.words[-1].offset_s, heard.id)
    assert second == typed
    assert store.recorded_sentences(reading.id) == (heard, typed, wrong)
    assert not align_reading(store, reading.id).tables  # it has its times already


def test_a_sentence_that_is_not_found_is_spread_evenly_and_that_is_said(store: Store, begin: Callable[..., Any], clip: np.ndarray) -> None:
    reading = begin()
    reading.hear(quiet(1))
    reading.hear(clip)
    reading.hear(quiet(3))
    reading.say(TEXT, 1.2, 3.7)
    reading.say("interstitial " * 40, 5.0, 5.5)
    align_reading(store, reading.id)
    found, spread = store.sentences(reading.id)
    assert found.words[0].onset_s == pytest.approx(1.21, abs=0.05)
    assert (spread.onset_s, spread.offset_s) == (5.0, 5.5)
    gaps = np.diff([word.onset_s for word in spread.words])
    assert np.ptp(gaps) < 1e-6
    with store._database.read() as connection:
        aligners = {row[0] for row in connection.exec_driver_sql("SELECT DISTINCT aligner FROM revised_word")}
    assert aligners == {"pocketsphinx; even in 2"}


def test_a_reading_without_audio_or_without_dictation(store: Store, begin: Callable[..., Any]) -> None:
    reading = begin()
    reading.say("typed", 1.0, 2.0, "typed")
    assert not align_reading(store, reading.id).tables
    reading.say("dictated", 1.0, 2.0)
    with pytest.raises(SpeechError, match="has no audio"):
        align_reading(store, reading.id)


def test_the_command_aligns_what_has_ended_and_says_what_it_left_out(
    store: Store, begin: Callable[..., Any], clip: np.ndarray, library: Path
) -> None:
    spoken, silent, typed, running = begin(), begin(), begin(), begin()
    spoken.hear(clip)
    spoken.say(TEXT, 0.2, 2.7)
    silent.say(TEXT, 0.2, 2.7)
    typed.say(TEXT, 0.2, 2.7, "typed")
    running.say(TEXT, 0.2, 2.7)
    for reading in (spoken, silent, typed):
        store.end_reading(reading.id, "complete", reading.started_ns + 10**10)
    done = CliRunner().invoke(egma, ["align", "--store", str(library)])
    assert done.exit_code == 0, done.output
    assert "aligned: 1; nothing to do: 1; without audio that could be used: 1" in done.output
    assert len(store.sentences(spoken.id)[0].words) == 8
    refused = CliRunner().invoke(egma, ["align", "--store", str(library), "--reading", str(silent.id)])
    assert refused.exit_code == 2
    assert "has no audio" in refused.output


def test_transcribe_takes_a_file_or_a_reading(
    shared_data: Path, store: Store, begin: Callable[..., Any], clip: np.ndarray, library: Path
) -> None:
    pytest.importorskip("moonshine_voice")
    import json

    done = CliRunner().invoke(egma, ["transcribe", str(shared_data / "speech" / CLIP), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    words = [word["text"] for sentence in told["sentences"] for word in sentence["words"]]
    assert {"was", "not", "young", "man"} <= set(words)
    reading = begin()
    reading.hear(quiet(1))
    reading.hear(clip)
    done = CliRunner().invoke(egma, ["transcribe", "--store", str(library), "--reading", str(reading.id)])
    assert done.exit_code == 0, done.output
    assert "young man" in done.stdout
    for wrong in ([], ["a.wav", "--store", str(library)], ["--store", str(library)]):
        assert CliRunner().invoke(egma, ["transcribe", *wrong]).exit_code == 2
