"""Moonshine (extra `voice`): a small neural recogniser whose model is part of its package, so that it works from the first minute.

It hears general English nearly to the letter and the words of radiology less well; it gives no times, which come from alignment.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import AlignmentError, MissingExtraError, SpeechError
from egma_core.speech.alignment import ALIGNER, EVEN, align_words, spread_words
from egma_core.speech.audio import resample
from egma_core.speech.transcript import Transcript

_RATE_HZ = 16_000
_MODEL = "tiny-en"
_SHORTEST_S = 0.1
_OPTIONS = {"vad_threshold": "0.0"}  # the stretch was cut by us; its own search for speech makes words of the first 60 ms
_AGAIN = "Install it again: pip install --force-reinstall 'moonshine-voice==0.1.0'"


class MoonshineTranscriber:
    """Moonshine with the model that its package brings."""

    engine = "moonshine"

    def __init__(self) -> None:
        """Load the model.

        Raises:
            MissingExtraError: moonshine-voice is not installed.
            SpeechError: Its model is not there, as in versions after 0.1.0, or cannot be loaded.
        """
        spec = importlib.util.find_spec("moonshine_voice")
        if spec is None or spec.origin is None:
            raise MissingExtraError("Dictation", "voice")
        folder = Path(spec.origin).parent / "assets" / _MODEL
        if not folder.is_dir():
            raise SpeechError("This version of moonshine-voice brings no model.", _AGAIN)
        try:
            voice = importlib.import_module("moonshine_voice.transcriber")
            self._error: type[Exception] = voice.MoonshineError
            self._model: Any = voice.Transcriber(model_path=str(folder), model_arch=voice.ModelArch.TINY, options=_OPTIONS)
        except ImportError as error:
            raise MissingExtraError("Dictation", "voice") from error
        except (OSError, RuntimeError) as error:
            raise SpeechError(f"Moonshine cannot be loaded ({type(error).__name__}).", _AGAIN) from error

    def transcribe(self, samples: NDArray[np.int16], rate_hz: int) -> Transcript:
        """What is said in (n,) samples of one channel, at most half a minute; no words for silence.

        Raises:
            SpeechError: The engine fails.
            MissingExtraError: pocketsphinx, which finds the words' times, is not installed.
        """
        audio = resample(samples, rate_hz, _RATE_HZ)
        if len(audio) < _SHORTEST_S * _RATE_HZ or not audio.any():
            return Transcript((), "", self.engine)
        try:
            heard = self._model.transcribe_without_streaming((audio / 32768.0).tolist(), _RATE_HZ)
        except self._error as error:
            raise SpeechError(
                "Moonshine failed to understand a stretch of speech.", "What was said is kept; type it, or say it again."
            ) from error
        text = " ".join(" ".join(line.text.split()) for line in heard.lines).strip()
        if not text:
            return Transcript((), "", self.engine)
        try:
            return Transcript(align_words(audio, _RATE_HZ, text), text, self.engine, ALIGNER)
        except AlignmentError:
            return Transcript(spread_words(text, 0.0, len(audio) / _RATE_HZ), text, self.engine, EVEN)

    def close(self) -> None:
        """Let the model go."""
        self._model.close()
