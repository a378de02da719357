"""The microphones there are: the computer's own, and a recording played on the clock in place of a voice."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from egma_core.recording.audio_source import FoundMicrophone, Microphone, MicrophoneDescription, MicrophoneEvent
from egma_core.recording.microphone_file import FileMicrophone
from egma_core.recording.microphone_sound import SoundMicrophone
from egma_core.recording.sound_card import found_sound_cards

__all__ = ["FoundMicrophone", "Microphone", "MicrophoneDescription", "MicrophoneEvent", "find_microphones", "open_microphone"]

FILE = "file"


def open_microphone(name: str, now_ns: Callable[[], int], options: Mapping[str, str] | None = None) -> Microphone:
    """Open a microphone, not started.

    Args:
        name: `default`, the name of a device as `find_microphones` gives it, or `file` for a recording that is played on the
            clock in place of a voice.
        now_ns: The host clock; called from any thread.
        options: Settings by name. `file` takes `path` (a WAV file) and `loop` (`true` to begin again at its end).

    Raises:
        RecordingError: There is no such microphone, or it cannot be used.
        MissingExtraError: The packages that reach a sound card are not installed.
        SpeechError: The recording cannot be read.
        ConfigError: An option is unknown or missing.
    """
    if name == FILE:
        return FileMicrophone.of(now_ns, options or {})
    return SoundMicrophone(name, now_ns, options or {})


def find_microphones() -> tuple[FoundMicrophone, ...]:
    """The microphones of this computer, the system's choice first.

    Raises:
        MissingExtraError: The packages that reach a sound card are not installed.
        RecordingError: The sound system does not answer.
    """
    return found_sound_cards()
