"""The seam every recogniser of speech fits, and the ones there are: Whisper from a local folder, Moonshine from its package.

Both work without a network, always: what is said before a film is nobody else's business.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import ConfigError
from egma_core.speech.moonshine import MoonshineTranscriber
from egma_core.speech.transcript import Transcript
from egma_core.speech.whisper import WhisperTranscriber

MOONSHINE, WHISPER = "moonshine", "whisper"


class Transcriber(Protocol):
    """Turns a stretch of speech into words; used from one thread, may take its time."""

    @property
    def engine(self) -> str:
        """Its name, as words that it heard carry it."""
        ...

    def transcribe(self, samples: NDArray[np.int16], rate_hz: int) -> Transcript:
        """What is said in (n,) samples of one channel, at most half a minute; no words for silence.

        Raises:
            SpeechError: The engine fails.
        """
        ...

    def close(self) -> None:
        """Let the model go."""
        ...


def open_transcriber(engine: str, model: str | Path | None = None) -> Transcriber:
    """Make an engine ready, which may take seconds.

    Args:
        engine: `moonshine` or `whisper`.
        model: The folder of its model; `whisper` needs one, `moonshine` brings its own.

    Raises:
        ConfigError: There is no such engine, or its model's folder is missing or not of the right kind.
        MissingExtraError: Its packages are not installed.
        SpeechError: Its model cannot be loaded.
    """
    if engine == MOONSHINE:
        if model:
            raise ConfigError("Moonshine brings its own model and takes no folder.", "Leave the folder out, or choose whisper.")
        return MoonshineTranscriber()
    if engine == WHISPER:
        return WhisperTranscriber(model)
    raise ConfigError(f"There is no engine '{engine}' for speech.", f"Choose one of: {', '.join(engines())}.")


def engines() -> Mapping[str, str]:
    """The engines by name, each with what keeps it from being used: its missing extra, or "" where it is installed."""
    needs = {MOONSHINE: ("moonshine_voice", "pocketsphinx", "voice"), WHISPER: ("faster_whisper", "faster_whisper", "whisper")}
    troubles: dict[str, str] = {}
    for engine, (package, other, extra) in needs.items():
        there = all(importlib.util.find_spec(name) is not None for name in (package, other))
        troubles[engine] = "" if there else f"It is not installed: pip install 'egma[{extra}]'"
    if troubles[MOONSHINE] and sys.platform == "darwin":
        troubles[MOONSHINE] = "There is no Moonshine with a model for macOS; use whisper."
    return troubles
