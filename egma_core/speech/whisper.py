"""Whisper (faster-whisper, extra `whisper`) with a model from a local folder: what a department would dictate with."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import ConfigError, MissingExtraError, SpeechError
from egma_core.speech.audio import resample
from egma_core.speech.spoken import bare, tokens
from egma_core.speech.transcript import Transcript, Word

_RATE_HZ = 16_000
_FILES = ("model.bin", "config.json", "tokenizer.json")
_PROMPT = (
    "Chest radiograph. The cardiomediastinal silhouette is normal. No pneumothorax, pleural effusion, consolidation or atelectasis. "
    "Mild cardiomegaly with interstitial edema. Blunting of the left costophrenic angle. Endotracheal tube above the carina."
)
"""Sentences that show the model which words to expect."""

_CONVERT = "Convert a model with ct2-transformers-converter and choose the folder it writes, with tokenizer.json copied into it."


class WhisperTranscriber:
    """Whisper with a model in the format of CTranslate2."""

    engine = "whisper"

    def __init__(self, model: str | Path | None) -> None:
        """Load the model from a folder; nothing is ever fetched.

        Raises:
            ConfigError: There is no folder, or it lacks a file that would be fetched otherwise.
            MissingExtraError: faster-whisper is not installed.
            SpeechError: The model cannot be loaded.
        """
        if not model:
            raise ConfigError("Whisper needs a model.", f"Choose its folder. {_CONVERT}")
        folder = Path(model)
        if not folder.is_dir():
            raise ConfigError(f"There is no folder {folder} with a model for Whisper.", "Check its place. Nothing is downloaded.")
        missing = [name for name in _FILES if not (folder / name).is_file()]
        if missing:
            raise ConfigError(f"The folder {folder} is no model for Whisper: it lacks {', '.join(missing)}.", _CONVERT)
        try:
            import faster_whisper  # pyright: ignore[reportMissingImports] - it is there with its extra only
        except ImportError as error:
            raise MissingExtraError("Dictation with Whisper", "whisper") from error
        try:
            self._model: Any = faster_whisper.WhisperModel(str(folder), device="auto", compute_type="default", local_files_only=True)
        except (RuntimeError, ValueError, OSError) as error:
            raise SpeechError(f"The model in {folder} cannot be loaded ({type(error).__name__}).", _CONVERT) from error

    def transcribe(self, samples: NDArray[np.int16], rate_hz: int) -> Transcript:
        """What is said in (n,) samples of one channel, at most half a minute, with the engine's own times and confidences.

        Raises:
            SpeechError: The engine fails.
        """
        audio = (resample(samples, rate_hz, _RATE_HZ) / 32768.0).astype(np.float32)
        if not audio.any():
            return Transcript((), "", self.engine)
        try:
            segments, _ = self._model.transcribe(
                audio,
                language="en",
                word_timestamps=True,
                initial_prompt=_PROMPT,
                condition_on_previous_text=False,
                vad_filter=False,  # the stretch was cut where somebody speaks
            )
            heard = [word for segment in segments for word in segment.words or ()]  # the work is done here, as they are taken
        except (RuntimeError, ValueError) as error:
            raise SpeechError(
                "Whisper failed to understand a stretch of speech.", "What was said is kept; type it, or say it again."
            ) from error
        # A piece without a space before it belongs to the word before it.
        words: list[Word] = []
        for piece in heard:
            text = "".join(piece.word.split())
            if not text:
                continue
            if words and not piece.word[0].isspace():
                last = words.pop()
                words.append(Word(last.text + text, last.onset_s, float(piece.end), _lower(last.confidence, float(piece.probability))))
            else:
                words.append(Word(text, float(piece.start), float(piece.end), float(piece.probability)))
        text = " ".join(word.text for word in words)
        said = zip(tokens(text), words, strict=True)
        bare_words = tuple(dataclasses.replace(word, text=bare(token)) for token, word in said if token.spoken)
        return Transcript(bare_words, text, self.engine, self.engine)

    def close(self) -> None:
        """Let the model go."""
        del self._model


def _lower(one: float | None, other: float) -> float:
    return other if one is None else min(one, other)
