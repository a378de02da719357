"""When each word of a text was said: forced alignment of the text with the audio (pocketsphinx, extra `voice`).

The text is known; only its times are looked for. That works for words which no recogniser would have found, as long as somebody knows
how they are said.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import AlignmentError, MissingExtraError, SpeechError
from egma_core.speech.audio import resample
from egma_core.speech.letter_to_sound import pronounce
from egma_core.speech.lexicon import Lexicon, radiology
from egma_core.speech.spoken import bare, tokens
from egma_core.speech.transcript import Word

ALIGNER = "pocketsphinx"
EVEN = "even"
"""The name of times that were only spread over a stretch, where no alignment was to be had."""

_RATE_HZ = 16_000
_FRAME_S = 0.01
_PAD_S = 0.3
_END_S = 1.0  # the search leaves the last word late; with less silence behind it the word is lost
_NOISE_DB = (-60.0, -40.0, -35.0, -45.0, -30.0)
"""Noise that is added, against the loud parts of the voice; one after the other until the aligner finds its way.

The model was made from recordings with some noise. Beside digital silence every sound of a clean voice looks alike to it, and the
padding swallows the words.
"""
_BEAM = 1e-200  # the default loses its way in synthetic and hasty speech
_REMEDY = "Check that the text is what was said in this stretch."


def align_words(samples: NDArray[np.int16], rate_hz: int, text: str, lexicon: Lexicon | None = None) -> tuple[Word, ...]:
    """Find when each word of a text was said.

    Words come from the text as it is written, one for each token that is said (see `speech.spoken`). A word that neither the
    aligner's dictionary nor the lexicon has is pronounced by its letters.

    Args:
        samples: (n,) audio of one channel in which the whole text is said, and little else; at most some minutes.
        rate_hz: Samples per second.
        text: What is said.
        lexicon: Pronunciations that go before the dictionary's; by default the program's words of radiology.

    Returns:
        The words, in seconds since the first sample, in steps of 10 ms; no confidence is known.

    Raises:
        AlignmentError: There are no words, too little audio for them, or the aligner finds no way through.
        MissingExtraError: pocketsphinx is not installed.

    Source: Huggins-Daines et al. 2006, "PocketSphinx", ICASSP (Viterbi alignment with hidden Markov models).
    """
    written = [token for token in tokens(text) if token.spoken]
    if not written:
        raise AlignmentError("There are no words to be found in the audio.", "Type what is said.")
    said = [word for token in written for word in token.spoken]
    audio = resample(samples, rate_hz, _RATE_HZ)
    spans = _aligner(lexicon or radiology()).spans(audio, said)
    longest_s = len(audio) / _RATE_HZ
    words: list[Word] = []
    at = 0
    for token in written:
        onset_s, offset_s = spans[at][0], spans[at + len(token.spoken) - 1][1]
        words.append(Word(bare(token), min(max(onset_s, 0.0), longest_s), min(max(offset_s, 0.0), longest_s)))
        at += len(token.spoken)
    return tuple(words)


def spread_words(text: str, onset_s: float, offset_s: float) -> tuple[Word, ...]:
    """The words of a text spread over a stretch, each as long as its letters are many; for where `align_words` finds no way.

    Nothing is known of their times but the stretch: who keeps them must say so (`EVEN`).
    """
    written = [token for token in tokens(text) if token.spoken]
    ends = np.cumsum([sum(map(len, token.spoken)) for token in written]) if written else np.zeros(0)
    edges = onset_s + (offset_s - onset_s) * np.concatenate([[0.0], ends / ends[-1]]) if written else []
    return tuple(Word(bare(token), float(a), float(b)) for token, a, b in zip(written, edges[:-1], edges[1:], strict=True))


class _Aligner:
    """A decoder with its dictionary, and the words that it was taught."""

    def __init__(self, lexicon: Lexicon) -> None:
        try:
            import pocketsphinx  # pyright: ignore[reportMissingImports] - it is there with its extra only
        except ImportError as error:
            raise MissingExtraError("The times of spoken words", "voice") from error
        self._lexicon = lexicon
        self._lock = threading.Lock()
        beams = {"beam": _BEAM, "wbeam": _BEAM, "pbeam": _BEAM}
        try:
            self._decoder: Any = pocketsphinx.Decoder(samprate=_RATE_HZ, lm=None, loglevel="FATAL", **beams)
        except (RuntimeError, OSError) as error:
            raise SpeechError("The aligner's own model cannot be read.", "Install pocketsphinx again.") from error
        self._taught: set[str] = set()

    def spans(self, audio: NDArray[np.int16], said: list[str]) -> list[tuple[float, float]]:
        """Onset and offset of each word in seconds."""
        with self._lock:
            for word in said:
                self._teach(word)
            for noise_db in _NOISE_DB:
                found = self._search(_padded(audio, noise_db), said)
                if [word for word, _, _ in found] == said:
                    return [(begin * _FRAME_S - _PAD_S, end * _FRAME_S - _PAD_S) for _, begin, end in found]
        raise AlignmentError("The words of the text were not found in the audio.", _REMEDY)

    def _search(self, audio: NDArray[np.int16], said: list[str]) -> list[tuple[str, int, int]]:
        """The words on the best way through, each with its first frame and the one after its last."""
        try:
            self._decoder.set_align_text(" ".join(said))
            self._decoder.start_utt()
            self._decoder.process_raw(audio.tobytes(), full_utt=True)
            self._decoder.end_utt()
        except RuntimeError as error:
            raise AlignmentError("The words of the text were not found in the audio.", _REMEDY) from error
        # A pronunciation that is not the usual one is named word(2); silences and noises stand in brackets.
        segments = [segment for segment in self._decoder.seg() or () if segment.word[0] not in "<[+("]
        return [(segment.word.split("(", 1)[0], segment.start_frame, segment.end_frame + 1) for segment in segments]

    def _teach(self, word: str) -> None:
        if word in self._taught:
            return
        self._taught.add(word)
        ways = self._lexicon.pronunciations.get(word, ())
        known = self._decoder.lookup_word(word) is not None
        if not known and not ways:
            ways = (pronounce(word),)
        for k, phones in enumerate(ways):
            # The dictionary numbers other ways to say a word from 2 on; ours begin where it has none.
            self._decoder.add_word(word if k == 0 and not known else f"{word}({k + 10})", phones, True)


@functools.lru_cache(maxsize=2)
def _aligner(lexicon: Lexicon) -> _Aligner:
    return _Aligner(lexicon)


def _padded(audio: NDArray[np.int16], noise_db: float) -> NDArray[np.int16]:
    """The audio between two stretches of silence, with noise that is always the same."""
    squares = np.sort(audio.astype(np.float64) ** 2)
    loud = float(np.sqrt(squares[-max(1, len(squares) // 4) :].mean())) if len(squares) else 0.0
    padded = np.pad(audio.astype(np.float64), (round(_PAD_S * _RATE_HZ), round(_END_S * _RATE_HZ)))
    noise = np.random.default_rng(0).normal(0.0, max(loud * 10 ** (noise_db / 20), 1.0), len(padded))
    return np.clip(np.rint(padded + noise), -32768, 32767).astype("<i2")
