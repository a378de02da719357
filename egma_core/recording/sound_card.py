"""Sound cards through PortAudio (sounddevice, extra `voice`): what there is, and a stream of blocks from one of them."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from egma_core.errors import MissingExtraError, RecordingError
from egma_core.recording.audio_clock import Block
from egma_core.recording.audio_source import RATE_HZ, FoundMicrophone
from egma_core.trackers.events import Inbox

DEFAULT = "default"

_BLOCK_S = 0.02
_KEPT_BLOCKS = 3000  # a minute that nobody may fetch
_LEVEL_S = 0.5


def found_sound_cards() -> tuple[FoundMicrophone, ...]:
    """The inputs that PortAudio offers, the system's choice first, each name once.

    Raises:
        MissingExtraError: sounddevice, or the PortAudio that it needs, is not installed.
        RecordingError: The sound system does not answer.
    """
    sound = sounddevice()
    inputs, chosen = _inputs(sound)
    cards = {str(card["name"]): FoundMicrophone(str(card["name"]), str(card["name"]), card["index"] == chosen) for card in inputs}
    return tuple(sorted(cards.values(), key=lambda card: not card.default))


class SoundStream:
    """An input that runs from `__init__` to `close`; only while `wanted` is set are its blocks kept.

    Attributes:
        rate_hz: Samples per second of the device.
        channels: Channels, interleaved in each block.
        model: The device's name.
        latency_s: What PortAudio says lies between a sound and its arrival.
        blocks: What has come while it was wanted, one item a callback.
    """

    def __init__(self, name: str, now_ns: Callable[[], int]) -> None:
        """Open the input called `name` at 16 kHz, or at its own rate where it has no other, and let it run.

        Raises:
            MissingExtraError: sounddevice, or the PortAudio that it needs, is not installed.
            RecordingError: There is no such input, or it cannot be used.
        """
        sound = sounddevice()
        card = _card(sound, name)
        self._now_ns = now_ns
        self.model = str(card["name"])
        self.blocks: Inbox[Block] = Inbox(_KEPT_BLOCKS)
        self.wanted = False
        self._latest: deque[Block] = deque(maxlen=round(_LEVEL_S / _BLOCK_S))
        self._ended = threading.Event()
        self._error: type[Exception] = sound.PortAudioError
        refused: Exception | None = None
        own_hz = round(card["default_samplerate"]) or RATE_HZ
        for rate_hz, channels in [(rate_hz, channels) for rate_hz in dict.fromkeys((RATE_HZ, own_hz)) for channels in (1, 2)]:
            try:
                self._stream = self._opened(sound, card, rate_hz, channels)
            except (sound.PortAudioError, ValueError) as error:
                refused = error
                continue
            try:
                self._stream.start()
            except sound.PortAudioError as error:
                refused = error
                self.close()
                continue
            self.rate_hz, self.channels = rate_hz, channels
            self.latency_s = float(self._stream.latency)
            self._ended.clear()
            return
        raise RecordingError(
            f"The microphone '{self.model}' cannot be opened ({_reason(refused)}).",
            "See whether another program uses it, and whether this one may use the microphone by the system's privacy settings.",
        )

    @property
    def ended(self) -> bool:
        """Whether PortAudio has ended it, as it does when the device is pulled out."""
        return self._ended.is_set()

    def latest(self) -> list[Block]:
        """The blocks of the last half second, wanted or not."""
        return list(self._latest)

    def close(self) -> None:
        """Let the device go."""
        try:
            self._stream.close(ignore_errors=True)
        except self._error:  # it is gone already
            return

    def _opened(self, sound: Any, card: Any, rate_hz: int, channels: int) -> Any:
        settings = None
        if sys.platform == "win32" and sound.query_hostapis(card["hostapi"])["name"] == "Windows WASAPI":
            settings = sound.WasapiSettings(auto_convert=True)  # else it takes no rate but that of the system's mixer
        return sound.RawInputStream(
            samplerate=rate_hz,
            blocksize=round(rate_hz * _BLOCK_S),
            device=card["index"],
            channels=channels,
            dtype="int16",
            latency="high",  # room for a computer that is held up; what it costs in time PortAudio tells
            extra_settings=settings,
            callback=self._hear,
            finished_callback=self._ended.set,
        )

    def _hear(self, data: Any, n: int, times: Any, status: Any) -> None:
        """PortAudio's callback, on its own thread: keep, and nothing else."""
        block = Block(self._now_ns(), n, times.inputBufferAdcTime, times.currentTime, bool(status.input_overflow), bytes(data))
        self._latest.append(block)
        if self.wanted:
            self.blocks.append(block)


def look_again() -> None:
    """Let PortAudio look for devices anew; no stream may be open. It sees what is plugged in only when it is initialised.

    Raises:
        RecordingError: The sound system does not answer.
    """
    sound = sounddevice()
    try:
        # sounddevice offers no public way; its documentation names these two for the purpose.
        sound._terminate()
        sound._initialize()
    except sound.PortAudioError as error:
        raise RecordingError(f"The sound system does not answer ({_reason(error)}).", "Restart the computer if this stays.") from error


def sounddevice() -> Any:
    """The library.

    Raises:
        MissingExtraError: It, or the PortAudio that it needs, is not installed.
    """
    try:
        import sounddevice as sound  # pyright: ignore[reportMissingImports] - it is there with its extra only
    except (ImportError, OSError) as error:  # OSError: sounddevice is there, PortAudio is not
        raise MissingExtraError("A microphone (with PortAudio, on Debian and Ubuntu: apt-get install libportaudio2)", "voice") from error
    return sound


def _inputs(sound: Any) -> tuple[list[Any], int]:
    """The inputs of the system's usual sound system, or on Windows of WASAPI, which names devices in full; and the chosen one's index."""
    try:
        cards = [card for card in sound.query_devices() if card["max_input_channels"] > 0]
        systems = sound.query_hostapis()
    except sound.PortAudioError as error:
        raise RecordingError(f"The sound system does not answer ({_reason(error)}).", "Restart the computer if this stays.") from error
    if not cards:
        return [], -1
    usual = next((system for system in systems if system["name"] == "Windows WASAPI" and system["default_input_device"] >= 0), None)
    if usual is None:
        usual = systems[sound.default.hostapi] if systems[sound.default.hostapi]["devices"] else systems[cards[0]["hostapi"]]
    own = [card for card in cards if card["index"] in usual["devices"]]
    return own or cards, int(usual["default_input_device"])


def _card(sound: Any, name: str) -> Any:
    """The input called `name`.

    Raises:
        RecordingError: There is none.
    """
    cards, chosen = _inputs(sound)
    if name == DEFAULT:
        wanted = [card for card in cards if card["index"] == chosen] or cards
    else:
        wanted = [card for card in cards if card["name"] == name]
    if not cards:
        raise RecordingError("This computer has no microphone.", "Plug one in, or record without voice.")
    if not wanted:
        names = ", ".join(sorted({str(card["name"]) for card in cards}))
        raise RecordingError(f"There is no microphone called '{name}'.", f"Choose one of: default, {names}.")
    return wanted[0]


def _reason(error: Exception | None) -> str:
    """PortAudio's own words, without its error number."""
    return str(error.args[0]) if error is not None and error.args else "no reason given"
