"""A whole recording understood at once: cut where nobody speaks, each utterance heard by an engine and written down."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from egma_core.dictation.writing import Written, write_down
from egma_core.speech.activity import find_utterances
from egma_core.speech.transcriber import Transcriber


def transcribe_recording(
    samples: NDArray[np.int16], rate_hz: int, transcriber: Transcriber, progress: Callable[[int, int], None] | None = None
) -> tuple[Written, ...]:
    """The sentences said in a recording, with the times of their words in seconds since its first sample.

    Args:
        samples: (n,) audio of one channel.
        rate_hz: Samples per second.
        transcriber: What understands speech.
        progress: Called with (done, total) utterances.

    Raises:
        SpeechError: The engine fails.
    """
    utterances = find_utterances(samples, rate_hz)
    sentences: list[Written] = []
    for index, utterance in enumerate(utterances):
        begin_s = utterance.first / rate_hz
        for written in write_down(transcriber.transcribe(samples[utterance.first : utterance.end], rate_hz)):
            words = [dataclasses.replace(w, onset_s=w.onset_s + begin_s, offset_s=w.offset_s + begin_s) for w in written.words]
            sentences.append(Written(written.text, words))
        if progress is not None:
            progress(index + 1, len(utterances))
    return tuple(sentences)
