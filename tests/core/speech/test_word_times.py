from __future__ import annotations

import itertools
import json
import sys
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egma_core.errors import AlignmentError, MissingExtraError
from egma_core.speech import alignment
from egma_core.speech.alignment import align_words, spread_words
from egma_core.speech.audio import read_wav, resample
from egma_core.speech.lexicon import Lexicon

pytest.importorskip("pocketsphinx")

SENTENCES = (
    "There is a small left apical pneumothorax.",
    "Patchy opacities in the right middle lobe.",
    "Blunting of the left costophrenic angle.",
    "An endotracheal tube terminates 3.5 cm above the carina.",
    "Bibasilar atelectasis with mild cardiomegaly. Sternotomy wires are intact.",
    "Degenerative osteophytes of the thoracic spine.",
)


def test_words_of_real_speech_begin_where_others_put_them(shared_data: Path) -> None:
    """Three sentences read by a person, against times that the same method's own program wrote down."""
    apart: list[float] = []
    for path in sorted((shared_data / "speech" / "librivox").glob("*.json")):
        reference = json.loads(path.read_text(encoding="utf-8"))
        expected = [word for word in reference["w"] if not word["t"].startswith("<")]
        samples, rate = read_wav(path.with_suffix(".wav"))
        words = align_words(samples, rate, reference["t"])
        assert [word.text for word in words] == [word["t"].split("(")[0] for word in expected]
        apart += [abs(word.onset_s - want["b"]) for word, want in zip(words, expected, strict=True)]
        assert all(word.onset_s < word.offset_s <= len(samples) / rate for word in words)
        assert all(a.offset_s <= b.onset_s + 1e-9 for a, b in itertools.pairwise(words))
    assert len(apart) == 44
    assert np.median(apart) <= 0.01
    assert np.quantile(apart, 0.9) <= 0.05


def test_words_of_radiology_begin_where_the_voice_says_so(voice: Any) -> None:
    apart: list[float] = []
    for number, text in enumerate(SENTENCES):
        said = voice.say(text, 140 + 10 * number)
        words = align_words(said.samples, said.rate_hz, text)
        assert [word.text for word in words] == [word.strip(".") for word in text.split()]
        # The voice takes some words together ("of the"); those that both name are compared.
        ours, theirs = [word.text.lower() for word in words], [word.lower() for word, _ in said.onsets]
        for match in SequenceMatcher(a=ours, b=theirs, autojunk=False).get_matching_blocks():
            apart += [abs(words[match.a + k].onset_s - said.onsets[match.b + k][1]) for k in range(match.size)]
    assert len(apart) > 35
    assert np.median(apart) < 0.02
    assert np.quantile(apart, 0.9) < 0.06


def test_silence_around_a_sentence_shifts_its_words_and_no_more(shared_data: Path) -> None:
    path = next((shared_data / "speech" / "librivox").glob("*0880.wav"))
    samples, rate = read_wav(path)
    text = "he was not an ill disposed young man"
    plain = align_words(samples, rate, text)
    quiet = np.zeros(2 * rate, np.int16)
    later = align_words(np.concatenate([quiet, samples, quiet]), rate, text)
    shifts = [after.onset_s - before.onset_s for before, after in zip(plain, later, strict=True)]
    assert np.median(np.abs(np.array(shifts) - 2.0)) < 0.02
    assert np.abs(np.array(shifts) - 2.0).max() < 0.2  # a faint word's edge may be heard elsewhere once the level is another
    faint = align_words((samples // 40).astype(np.int16), rate, text)
    assert np.abs([a.onset_s - b.onset_s for a, b in zip(plain, faint, strict=True)]).max() < 0.1


def test_a_word_that_no_list_has_is_said_by_its_letters_or_as_one_is_told(voice: Any) -> None:
    said = voice.say("the zorbling is normal", 140)
    assert len(align_words(said.samples, said.rate_hz, "the zorbling is normal")) == 4
    own = Lexicon({"zorbling": ("Z AO R B L IH NG",)})
    words = align_words(said.samples, said.rate_hz, "the zorbling is normal", own)
    assert words[2].onset_s == pytest.approx(said.onsets[2][1], abs=0.08)


@pytest.mark.parametrize(("text", "seconds"), [("", 1.0), ("...", 1.0), ("the heart size is within normal limits today", 0.2)])
def test_what_cannot_be_aligned_is_an_error(text: str, seconds: float) -> None:
    noise = np.random.default_rng(0).normal(0, 300, round(16_000 * seconds)).astype(np.int16)
    with pytest.raises(AlignmentError):
        align_words(noise, 16_000, text)


def test_words_can_be_spread_where_nothing_is_known() -> None:
    words = spread_words("No acute - findings.", 10.0, 12.0)
    assert [word.text for word in words] == ["No", "acute", "findings"]
    assert words[0].onset_s == 10.0
    assert words[-1].offset_s == 12.0
    assert words[1].onset_s == words[0].offset_s
    assert words[2].offset_s - words[2].onset_s > words[0].offset_s - words[0].onset_s
    assert spread_words("...", 0.0, 1.0) == ()


def test_without_the_aligner_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    alignment._aligner.cache_clear()
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(MissingExtraError, match=r"egma\[voice\]"):
        align_words(np.zeros(16_000, np.int16), 16_000, "the lungs")


def test_another_rate_gives_the_same_times(shared_data: Path) -> None:
    samples, rate = read_wav(next((shared_data / "speech" / "librivox").glob("*0880.wav")))
    text = "he was not an ill disposed young man"
    words = align_words(samples, rate, text)
    again = align_words(resample(samples, rate, 22_050), 22_050, text)
    assert np.abs([a.onset_s - b.onset_s for a, b in zip(words, again, strict=True)]).max() < 0.05
