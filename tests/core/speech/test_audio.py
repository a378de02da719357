from __future__ import annotations

import itertools
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egma_core.errors import SpeechError
from egma_core.speech.audio import SILENCE_DB, Resampler, level_db, read_wav, resample, write_wav


def tone(hz: float, rate_hz: int, seconds: float = 1.0) -> np.ndarray:
    return np.rint(12000 * np.sin(2 * np.pi * hz * np.arange(round(rate_hz * seconds)) / rate_hz)).astype(np.int16)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_a_tone_stays_where_it_was_at_another_rate(rate: int) -> None:
    found = resample(tone(1000, rate), rate, 16_000)
    assert len(found) == 16_000
    assert np.abs(found - tone(1000, 16_000))[300:-300].max() < 4


def test_what_the_new_rate_cannot_carry_is_gone() -> None:
    assert level_db(resample(tone(11_000, 48_000), 48_000, 16_000)) < -55


@given(st.lists(st.integers(0, 900), min_size=1, max_size=12), st.sampled_from([(44_100, 16_000), (48_000, 16_000), (8_000, 16_000)]))
def test_pieces_put_together_are_the_whole(lengths: list[int], rates: tuple[int, int]) -> None:
    samples = np.random.default_rng(len(lengths)).integers(-20_000, 20_000, sum(lengths)).astype(np.int16)
    resampler = Resampler(*rates)
    edges = np.cumsum([0, *lengths])
    pieces = [resampler.take(samples[a:b]) for a, b in itertools.pairwise(edges)]
    whole = np.concatenate([*pieces, resampler.end()])
    np.testing.assert_array_equal(whole, resample(samples, *rates))
    assert len(whole) == -(-len(samples) * rates[1] // rates[0])


@pytest.mark.parametrize(("width", "channels"), [(1, 1), (2, 1), (2, 2), (3, 1), (4, 2)])
def test_pcm_of_any_width_is_read(width: int, channels: int, tmp_path: Path) -> None:
    values = np.array([0, 1, -1, 127, -128, 50])  # the upper byte
    if width == 1:
        data = (values + 128).astype(np.uint8).repeat(channels).tobytes()
    else:
        data = (
            (values.astype(np.int64) << (8 * (width - 1))).astype("<i8").repeat(channels).view(np.uint8).reshape(-1, 8)[:, :width].tobytes()
        )
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((channels, width, 8000, 0, "NONE", ""))
        file.writeframes(data)
    samples, rate = read_wav(tmp_path / "a.wav")
    assert rate == 8000
    np.testing.assert_array_equal(samples, values * 256)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(300, 16_000), 16_000)
    samples, rate = read_wav(tmp_path / "a.wav")
    np.testing.assert_array_equal(samples, tone(300, 16_000))
    assert rate == 16_000
    with pytest.raises(SpeechError, match="cannot be written"):
        write_wav(tmp_path / "nowhere" / "a.wav", samples, rate)


@pytest.mark.parametrize("content", [b"", b"RIFF\x00\x00", b"no audio"])
def test_no_wav_is_refused_in_words(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(SpeechError, match=r"a\.wav"):
        read_wav(tmp_path / "a.wav")


def test_levels() -> None:
    assert level_db(np.zeros(100, np.int16)) == SILENCE_DB
    assert level_db(np.zeros(0, np.int16)) == SILENCE_DB
    assert level_db(np.full(100, 3000, np.int16)) == SILENCE_DB  # a constant is no sound
    full = (32767 * np.sin(np.arange(16_000) * 0.3)).astype(np.int16)
    assert level_db(full) == pytest.approx(-3.01, abs=0.02)
