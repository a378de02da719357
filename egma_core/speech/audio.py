"""Audio as it is kept: one channel of 16 bits; read from WAV files, brought to another rate, measured."""

from __future__ import annotations

import math
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import SpeechError

SILENCE_DB = -100.0
"""The level that digital silence is given, in dB of full scale: 4 dB under half a step of 16 bits."""

_ZEROS = 16  # zero crossings of the filter's kernel on each side
_STOP_DB_BETA = 8.0  # of a Kaiser window: 80 dB in the stop band


def read_wav(path: Path) -> tuple[NDArray[np.int16], int]:
    """Read a WAV file.

    Args:
        path: PCM of 8, 16, 24 or 32 bits, any number of channels (their mean is taken) and any rate.

    Returns:
        (n,) samples, and how many there are in a second.

    Raises:
        SpeechError: It cannot be read, is of another kind, or holds nothing.
    """
    try:
        with path.open("rb") as opened, wave.open(opened) as file:
            channels, width, rate_hz = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except OSError as error:
        raise SpeechError(f"The recording {path.name} cannot be read ({error.strerror}).", "Check its place and permissions.") from error
    except (wave.Error, EOFError) as error:
        raise SpeechError(
            f"The recording {path.name} is no WAV file with PCM audio.", "Convert it, for example to 16 kHz mono WAV."
        ) from error
    values = _integers(data[: len(data) - len(data) % (width * channels)], width)
    if not len(values) or rate_hz <= 0:
        raise SpeechError(f"The recording {path.name} holds no audio.", "Choose another one.")
    if channels == 1:
        return values, rate_hz
    return np.rint(values.reshape(-1, channels).mean(axis=1)).astype(np.int16), rate_hz


def write_wav(path: Path, samples: NDArray[np.int16], rate_hz: int) -> None:
    """Write (n,) samples as a WAV file of one channel and 16 bits.

    Raises:
        SpeechError: It cannot be written.
    """
    try:
        with path.open("wb") as target, wave.open(target, "wb") as file:  # wave leaves a file that it cannot open half made
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate_hz)
            file.writeframes(samples.astype("<i2").tobytes())
    except OSError as error:
        raise SpeechError(
            f"The recording {path.name} cannot be written ({error.strerror}).", "Check its place and the free space."
        ) from error


def level_db(samples: NDArray[np.int16]) -> float:
    """Root mean square of (n,) samples without their mean, in dB of full scale; `SILENCE_DB` for silence."""
    if not len(samples):
        return SILENCE_DB
    power = float(np.var(samples.astype(np.float64)))
    return max(10.0 * math.log10(power / 2.0**30), SILENCE_DB) if power > 0 else SILENCE_DB


def resample(samples: NDArray[np.int16], rate_hz: int, to_hz: int) -> NDArray[np.int16]:
    """Bring (n,) samples to another rate; sample k of the answer lies at the time k / to_hz of the first one given."""
    if rate_hz == to_hz:
        return samples
    resampler = Resampler(rate_hz, to_hz)
    pieces = [resampler.take(samples[at : at + rate_hz]) for at in range(0, len(samples), rate_hz)]
    return np.concatenate([*pieces, resampler.end()])


class Resampler:
    """Brings a stream to another rate, piece by piece, by a windowed sinc.

    The pieces put together are what the whole would have become: no piece's edge is heard, and no delay is added to the times.

    Source: Smith, "Digital Audio Resampling Home Page", Stanford CCRMA (band-limited interpolation).
    """

    def __init__(self, rate_hz: int, to_hz: int) -> None:
        """From `rate_hz` to `to_hz` samples per second."""
        common = math.gcd(rate_hz, to_hz)
        self._up, self._down = to_hz // common, rate_hz // common
        cutoff = min(1.0, to_hz / rate_hz)
        self._half = math.ceil(_ZEROS / cutoff)
        taps = np.arange(-self._half + 1, self._half + 1, dtype=np.float64)
        # One row for each place that an output sample can have between two input samples.
        away = taps[None, :] - (np.arange(self._up, dtype=np.float64) / self._up)[:, None]
        window = np.i0(_STOP_DB_BETA * np.sqrt(np.clip(1.0 - (away / self._half) ** 2, 0.0, 1.0))) / np.i0(_STOP_DB_BETA)
        kernels = np.sinc(away * cutoff) * window
        self._kernels = kernels / kernels.sum(axis=1, keepdims=True)
        self._held = np.zeros(self._half - 1)
        self._held_from = -(self._half - 1)
        self._n_out = 0
        self._n_in = 0

    def take(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Take (n,) samples of the stream; answers with those that can be told by now."""
        self._held = np.concatenate([self._held, samples.astype(np.float64)])
        self._n_in += len(samples)
        reach = self._held_from + len(self._held) - 1 - self._half  # the last input sample that has all its neighbours
        return self._out(max(0, (reach * self._up) // self._down + 1) if reach >= 0 else 0)

    def end(self) -> NDArray[np.int16]:
        """The stream is over: the rest, as if silence followed."""
        self._held = np.concatenate([self._held, np.zeros(2 * self._half)])
        return self._out(-(-self._n_in * self._up // self._down))

    def _out(self, until: int) -> NDArray[np.int16]:
        """Output samples up to index `until`."""
        if until <= self._n_out:
            return np.zeros(0, np.int16)
        at = np.arange(self._n_out, until, dtype=np.int64) * self._down
        base, phase = at // self._up, at % self._up
        windows = np.lib.stride_tricks.sliding_window_view(self._held, 2 * self._half)
        values = np.einsum("ij,ij->i", windows[base - self._half + 1 - self._held_from], self._kernels[phase])
        self._n_out = until
        keep_from = until * self._down // self._up - self._half + 1
        drop = min(max(0, keep_from - self._held_from), len(self._held))
        self._held, self._held_from = self._held[drop:], self._held_from + drop
        return np.clip(np.rint(values), -32768, 32767).astype(np.int16)


def _integers(data: bytes, width: int) -> NDArray[np.int16]:
    """The upper 16 bits of PCM values."""
    if width == 1:
        return ((np.frombuffer(data, np.uint8).astype(np.int16) - 128) * 256).astype(np.int16)
    words = np.frombuffer(data, np.uint8).reshape(-1, width)
    return np.ascontiguousarray(words[:, width - 2 :]).view("<i2").reshape(-1).astype(np.int16)
