from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from egma_core.speech.activity import ActivityOptions, SpeechDetector, Utterance, find_utterances
from egma_core.speech.audio import read_wav

RATE = 16_000


def room(seconds: float, noise: float = 20.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, noise, round(seconds * RATE))


def with_voice(sound: np.ndarray, begin_s: float, end_s: float, loud: float = 1500.0) -> np.ndarray:
    a, b = round(begin_s * RATE), round(end_s * RATE)
    sound[a:b] += loud * np.random.default_rng(a).normal(0, 1, b - a) * (1 + 0.5 * np.sin(np.arange(b - a) / RATE * 2 * np.pi * 4))
    return sound


def seconds(found: list[Utterance]) -> list[tuple[float, float]]:
    return [(utterance.first / RATE, utterance.end / RATE) for utterance in found]


@pytest.mark.parametrize("noise", [0.0, 20.0, 150.0])
def test_utterances_are_found_with_a_margin_in_any_room(noise: float) -> None:
    sound = with_voice(with_voice(room(12, noise), 2.0, 4.0), 6.0, 9.0)
    found = seconds(find_utterances(sound.astype(np.int16), RATE))
    assert found == [
        (pytest.approx(1.75, abs=0.05), pytest.approx(4.25, abs=0.05)),
        (pytest.approx(5.75, abs=0.05), pytest.approx(9.25, abs=0.05)),
    ]


def test_a_short_pause_does_not_end_an_utterance_and_a_click_begins_none() -> None:
    sound = with_voice(with_voice(room(8), 2.0, 3.0), 3.4, 4.5)
    sound = with_voice(sound, 6.0, 6.05)
    assert seconds(find_utterances(sound.astype(np.int16), RATE)) == [(pytest.approx(1.75, abs=0.05), pytest.approx(4.75, abs=0.05))]


def test_silence_and_steady_noise_are_nobody() -> None:
    assert find_utterances(np.zeros(5 * RATE, np.int16), RATE) == []
    assert find_utterances(room(5, 2000).astype(np.int16), RATE) == []
    assert find_utterances(np.zeros(0, np.int16), RATE) == []


def test_a_long_speech_is_cut_at_a_quiet_place_and_nothing_is_lost_or_taken_twice() -> None:
    sound = with_voice(room(30), 1.0, 14.0)
    sound = with_voice(sound, 14.3, 29.0)
    found = find_utterances(sound.astype(np.int16), RATE, ActivityOptions(longest_s=18.0))
    assert len(found) == 2
    assert found[0].end == found[1].first
    assert 14.0 < found[0].end / RATE < 14.35


def test_piece_by_piece_is_as_the_whole_and_speaking_is_known_meanwhile() -> None:
    sound = with_voice(room(6), 2.0, 4.0).astype(np.int16)
    detector = SpeechDetector(RATE)
    found, speaking = [], []
    for at in range(0, len(sound), 777):
        found += detector.take(sound[at : at + 777])
        speaking.append((at / RATE, detector.speaking))
    assert found == find_utterances(sound, RATE)
    on = [at for at, yes in speaking if yes]
    assert 2.0 < on[0] < 2.4
    assert 4.3 < on[-1] < 4.9


def test_an_utterance_that_the_end_cuts_off_is_told(shared_data: Path) -> None:
    for path in sorted((shared_data / "speech" / "librivox").glob("*.wav")):
        samples, rate = read_wav(path)
        (utterance,) = find_utterances(samples, rate)  # one sentence, read in one breath
        assert utterance.first / rate < 0.2
        assert utterance.end / rate > len(samples) / rate - 0.35
