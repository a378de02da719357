"""A microphone of this computer, kept going through losses, silence and a pulled plug."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence

from egma_core.errors import ConfigError, EgmaError, RecordingError
from egma_core.recording.audio_clock import Block
from egma_core.recording.audio_source import RATE_HZ, Microphone, MicrophoneDescription, MicrophoneEvent, MicrophoneEventKind
from egma_core.recording.sound_card import SoundStream, look_again
from egma_core.recording.stitching import Loss, Stitcher, mono
from egma_core.speech.audio import level_db
from egma_core.store.values import AudioChunk, ClockFit

_GONE_NS = 1_000_000_000
_ASLEEP_NS = 5_000_000_000  # some sound systems take seconds to wake a device
_SILENT_NS = 3_000_000_000
_AGAIN_S = 2.0


class SoundMicrophone(Microphone):
    """Runs from `__init__` to `close`, so that its level is known before a reading; only what a reading wants is kept."""

    def __init__(self, name: str, now_ns: Callable[[], int], options: Mapping[str, str]) -> None:
        """Open it.

        Raises:
            RecordingError: There is no such microphone, or it cannot be used.
            MissingExtraError: The packages that reach a sound card are not installed.
            ConfigError: There is an option; it has none.
        """
        if options:
            raise ConfigError(f"A microphone has no option '{next(iter(options))}'.", "Only the microphone 'file' has options.")
        self._name = name
        self._now_ns = now_ns
        stream = SoundStream(name, now_ns)
        self._description = MicrophoneDescription(name, stream.model, RATE_HZ, stream.latency_s, stream.rate_hz)
        self._stream: SoundStream | None = stream
        self._reopening: _Reopening | None = None
        self._events: list[MicrophoneEvent] = []
        self._reading = False
        self._waiting: list[Block] = []
        self._heard_ns = self._sounded_ns = now_ns()
        self._silent = self._resumed = False
        self._channels = stream.channels
        self._stitcher = Stitcher(stream.rate_hz, now_ns())

    @property
    def description(self) -> MicrophoneDescription:
        """What this microphone is."""
        return self._description

    def start(self) -> None:
        """Begin the audio of a reading.

        Raises:
            RecordingError: The device does not deliver.
        """
        self._watch()
        stream = self._stream
        if stream is None:
            raise RecordingError(f"{self._whose} does not deliver.", "Plug it in again, or record with another one.")
        stream.blocks.clear()
        now_ns = self._now_ns()
        self._waiting, self._channels, self._stitcher = [], stream.channels, Stitcher(stream.rate_hz, now_ns)
        self._sounded_ns, self._silent, self._resumed = now_ns, False, False
        self._reading = stream.wanted = True

    def drain(self) -> list[AudioChunk]:
        """Every sample since the last call.

        Raises:
            RecordingError: The device delivers far more samples than its rate allows; what it delivers is thrown away.
        """
        self._watch()
        blocks, self._waiting = self._waiting, []
        if self._stream is not None and self._stream.rate_hz == self._stitcher.clock.rate_hz:
            more, full = self._stream.blocks.take()
            if more and (full or self._resumed):
                more[0] = dataclasses.replace(more[0], broken=True)
                self._resumed = False
            blocks += more
        chunks = self._stitcher.take(blocks, self._channels, ended=not self._reading)
        for loss in self._stitcher.losses:
            self._tell("overflow" if loss.told else "warning", _in_words(loss))
        self._stitcher.losses.clear()
        self._notice_silence(chunks)
        return chunks

    def events(self) -> Sequence[MicrophoneEvent]:
        """What has happened since the last call, oldest first."""
        events, self._events = self._events, []
        return events

    def level_db(self) -> float | None:
        """Level of the last half second in dB of full scale; None while nothing comes."""
        blocks = self._stream.latest() if self._stream is not None else []
        if self._stream is None or not blocks or self._now_ns() - blocks[-1].entered_ns > _GONE_NS:
            return None
        return level_db(mono(blocks, self._stream.channels))

    def clock_fit(self) -> ClockFit | None:
        """How well the sound card's clock fits the host's since `start`; samples are counted at its own rate."""
        return self._stitcher.clock.fit()

    def stop(self) -> None:
        """End the audio of a reading."""
        self._reading = False
        if self._stream is not None:
            self._stream.wanted = False

    def close(self) -> None:
        """Let the device go."""
        self.stop()
        if self._reopening is not None:
            self._reopening.abandon()
            self._reopening = None
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    @property
    def _whose(self) -> str:
        return f"The microphone '{self._description.model}'"

    def _tell(self, kind: MicrophoneEventKind, text: str) -> None:
        self._events.append(MicrophoneEvent(self._now_ns(), kind, text))

    def _watch(self) -> None:
        """Notice a device that has gone, and one that is back."""
        if self._stream is not None:
            latest = self._stream.latest()
            self._heard_ns = latest[-1].entered_ns if latest else self._heard_ns
            if self._stream.ended or self._now_ns() - self._heard_ns > (_GONE_NS if latest else _ASLEEP_NS):
                self._waiting += self._stream.blocks.take()[0]
                self._reopening = _Reopening(self._name, self._now_ns, self._stream)
                self._stream = None
                self._tell(
                    "lost", f"{self._whose} does not deliver any more. See whether it is plugged in; it is looked for until it is back."
                )
        elif self._reopening is not None and (stream := self._reopening.stream()) is not None:
            self._reopening, self._stream = None, stream
            self._heard_ns = self._sounded_ns = self._now_ns()
            stream.wanted = self._reading
            if stream.rate_hz == self._stitcher.clock.rate_hz and stream.channels == self._channels:
                self._resumed = True
                self._tell("restored", f"{self._whose} is back.")
            else:
                stream.wanted = False
                self._tell("restored", f"{self._whose} is back, but at another rate: voice is recorded again from the next reading on.")

    def _notice_silence(self, chunks: list[AudioChunk]) -> None:
        """A voice never makes digital silence, but a switched-off microphone and a forbidden one do."""
        for chunk in chunks:
            if chunk.samples.any():
                self._sounded_ns, self._silent = chunk.t1_ns, False
            elif not self._silent and chunk.t1_ns - self._sounded_ns > _SILENT_NS:
                self._silent = True
                text = f"{self._whose} delivers silence. See whether it is switched off, or kept from this program by the privacy settings."
                self._tell("silent", text)


class _Reopening:
    """Tries again and again, on a thread of its own, to open an input that has gone."""

    def __init__(self, name: str, now_ns: Callable[[], int], gone: SoundStream) -> None:
        self._lock = threading.Lock()
        self._abandoned = threading.Event()
        self._stream: SoundStream | None = None
        threading.Thread(target=self._try, args=(name, now_ns, gone), name="microphone", daemon=True).start()

    def stream(self) -> SoundStream | None:
        """The input, open again, or None as yet."""
        with self._lock:
            return self._stream

    def abandon(self) -> None:
        """Nobody wants it any more: it is closed if it is open, and else as soon as it is."""
        self._abandoned.set()
        with self._lock:
            if self._stream is not None:
                self._stream.close()

    def _try(self, name: str, now_ns: Callable[[], int], gone: SoundStream) -> None:
        gone.close()
        while not self._abandoned.wait(_AGAIN_S):
            try:
                look_again()
                stream = SoundStream(name, now_ns)
            except EgmaError:  # not back yet
                continue
            with self._lock:
                if self._abandoned.is_set():
                    stream.close()
                else:
                    self._stream = stream
            return


def _in_words(loss: Loss) -> str:
    if not loss.told:
        return (
            f"{loss.seconds * 1e3:.0f} ms of audio are missing, though the sound system says nothing of it. What follows is placed right."
        )
    return f"{loss.seconds * 1e3:.0f} ms of audio were lost: the computer was too busy, or the microphone was away."
