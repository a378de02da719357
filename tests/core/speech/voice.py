"""A synthetic voice that knows when it says what: libespeak-ng through ctypes."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SYNCHRONOUS = 2
_WORD = 1
_RATE = 1


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("kind", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


@dataclass(frozen=True)
class Said:
    """Samples of one channel, their rate, and for each word when it began by the voice's own account, in s."""

    samples: NDArray[np.int16]
    rate_hz: int
    onsets: tuple[tuple[str, float], ...]


class Voice:
    """Raises OSError where the library is not installed."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate_hz: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0)
        self._heard: list[NDArray[np.int16]] = []
        self._events: list[tuple[int, int, int]] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
        self._callback = kind(self._take)
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_SetVoiceByName(b"en-us")

    def say(self, text: str, words_per_min: int = 150) -> Said:
        self._heard.clear()
        self._events.clear()
        self._library.espeak_SetParameter(_RATE, words_per_min, 0)
        data = text.encode("ascii")
        self._library.espeak_Synth(data, len(data) + 1, 0, 0, 0, 1, None, None)
        self._library.espeak_Synchronize()
        onsets = tuple((text[at - 1 : at - 1 + n], ms / 1000) for ms, at, n in self._events)
        return Said(np.concatenate(self._heard), self.rate_hz, onsets)

    def _take(self, wave: Any, n: int, event: Any) -> int:
        if wave and n > 0:
            self._heard.append(np.ctypeslib.as_array(wave, (n,)).copy())
        at = 0
        while event and event[at].kind:
            if event[at].kind == _WORD:
                self._events.append((event[at].audio_ms, event[at].position, event[at].length))
            at += 1
        return 0
