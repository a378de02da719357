from __future__ import annotations

import itertools
import os
import subprocess
import sys
import textwrap
import time
import types
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egma_core.errors import ConfigError, MissingExtraError, RecordingError, SpeechError
from egma_core.recording import microphone_sound
from egma_core.recording.clock import SimulatedClock
from egma_core.recording.microphone import Microphone, find_microphones, open_microphone
from egma_core.speech.audio import write_wav

RATE = 16_000


class FakePortAudioError(Exception):
    pass


class FakeStream:
    """One that behaves like sounddevice.RawInputStream, with the clock in the test's hand."""

    def __init__(self, card: FakeSound, **wanted: Any) -> None:
        self.card, self.wanted = card, wanted
        if not card.plugged:
            raise FakePortAudioError("Device unavailable", -9985)
        if wanted["samplerate"] not in card.rates:
            raise FakePortAudioError("Invalid sample rate", -9997)
        if wanted["channels"] not in card.channels:
            raise FakePortAudioError("Invalid number of channels", -9998)
        self.latency = 0.04
        self.running = False
        card.streams.append(self)

    def start(self) -> None:
        if self.card.in_use:
            raise FakePortAudioError("Device unavailable", -9985)
        self.running = True

    def close(self, ignore_errors: bool = True) -> None:
        if self.running:
            self.running = False
            self.wanted["finished_callback"]()


class FakeSound(types.ModuleType):
    """The parts of sounddevice that are used, for one card."""

    PortAudioError = FakePortAudioError

    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__("sounddevice")
        self.clock = clock
        self.plugged, self.in_use = True, False
        self.rates: tuple[int, ...] = (16_000, 48_000)
        self.channels: tuple[int, ...] = (1, 2)
        self.own_hz = 48_000.0
        self.streams: list[FakeStream] = []
        self.initialised = 1
        self.default = types.SimpleNamespace(hostapi=0)
        self.times: Callable[[float], tuple[float, float]] = lambda heard_s: (heard_s + 50.0, heard_s + 50.03)
        self.signal: Callable[[int, int], Any] = lambda first, n: 1000 * np.sin(np.arange(first, first + n) / 5.0)
        self.heard = 0

    def query_devices(self) -> list[dict[str, Any]]:
        card = {"name": "Desk mic", "index": 3, "hostapi": 0, "max_input_channels": max(self.channels), "default_samplerate": self.own_hz}
        speaker = {"name": "Speaker", "index": 1, "hostapi": 0, "max_input_channels": 0, "default_samplerate": 48_000.0}
        return [speaker, card] if self.plugged else [speaker]

    def query_hostapis(self, index: int | None = None) -> Any:
        systems = [{"name": "ALSA", "devices": [1, 3], "default_input_device": 3 if self.plugged else -1}]
        return systems if index is None else systems[index]

    def RawInputStream(self, **wanted: Any) -> FakeStream:  # noqa: N802 - the library's own name
        return FakeStream(self, **wanted)

    def _terminate(self) -> None:
        assert not any(stream.running for stream in self.streams), "PortAudio is ended under an open stream"
        self.initialised -= 1

    def _initialize(self) -> None:
        self.initialised += 1

    def pull(self) -> None:
        """The plug is pulled: PortAudio ends the stream by itself."""
        self.plugged = False
        self.streams[-1].close()

    def run(self, seconds: float, *, overflow: bool = False) -> None:
        """Time passes and blocks are delivered."""
        stream = self.streams[-1]
        n, rate, channels = (stream.wanted[key] for key in ("blocksize", "samplerate", "channels"))
        for _ in range(round(seconds * rate / n)):
            heard_s = self.clock.now_ns() / 1e9
            self.clock.wait_until(self.clock.now_ns() + round(n / rate * 1e9))
            if not stream.running:
                continue
            adc_s, current_s = self.times(heard_s)
            times = types.SimpleNamespace(inputBufferAdcTime=adc_s, currentTime=current_s)
            data = np.repeat(self.signal(self.heard, n).astype("<i2"), channels).tobytes()
            self.heard += n
            stream.wanted["callback"](data, n, times, types.SimpleNamespace(input_overflow=overflow))
            overflow = False


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(start_ns=5_000_000_000)


@pytest.fixture
def sound(clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch) -> FakeSound:
    fake = FakeSound(clock)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    monkeypatch.setattr(microphone_sound, "_AGAIN_S", 0.01)
    return fake


@pytest.fixture
def microphone(sound: FakeSound, clock: SimulatedClock) -> Iterator[Microphone]:
    opened = open_microphone("default", clock.now_ns)
    yield opened
    opened.close()
    assert not any(stream.running for stream in sound.streams)


def wait_for(condition: Callable[[], Any]) -> Any:
    """The first true answer; what is waited for happens on a thread."""
    for _ in range(500):
        if answer := condition():
            return answer
        time.sleep(0.01)
    raise AssertionError("it never happened")


def test_what_comes_between_start_and_stop_is_handed_out_with_its_times(
    sound: FakeSound, clock: SimulatedClock, microphone: Microphone
) -> None:
    assert microphone.description.model == "Desk mic"
    sound.run(1.0)
    assert microphone.drain() == []
    level = microphone.level_db()
    assert level is not None
    assert -36 < level < -32
    for _ in range(2):  # a second reading begins at sample 0 again
        began_ns, first = clock.now_ns(), sound.heard
        microphone.start()
        chunks = []
        for _ in range(20):
            sound.run(0.1)
            chunks += microphone.drain()
        microphone.stop()
        ended_ns = clock.now_ns()
        sound.run(0.5)
        assert microphone.drain() == []
        assert chunks[0].first_sample == 0
        assert all(b.first_sample == a.first_sample + len(a.samples) for a, b in itertools.pairwise(chunks))
        samples = np.concatenate([chunk.samples for chunk in chunks])
        np.testing.assert_array_equal(samples, sound.signal(first, 32_000).astype("<i2"))
        assert chunks[0].t0_ns == pytest.approx(began_ns - 10_000_000, abs=1e6)  # digitised 30 ms before it came, 20 ms long
        assert chunks[-1].t1_ns == pytest.approx(ended_ns - 10_000_000, abs=1e6)
        fit = microphone.clock_fit()
        assert fit is not None
        assert fit.verdict == "good"
        assert abs(fit.drift_ppm) < 1
    assert list(microphone.events()) == []


@pytest.mark.parametrize(
    "times",
    [lambda _: (0.0, 0.0), lambda _: (7.0, 7.03), lambda heard_s: (0.0, heard_s), lambda heard_s: (heard_s + 9.0, heard_s + 8.0)],
    ids=["zero", "standing still", "no ADC time", "ADC time in the future"],
)
def test_times_of_portaudio_that_make_no_sense_are_not_believed(
    times: Callable[[float], tuple[float, float]], sound: FakeSound, clock: SimulatedClock, microphone: Microphone
) -> None:
    sound.times = times
    began_ns = clock.now_ns()
    microphone.start()
    sound.run(2.0)
    (chunk,) = microphone.drain()
    assert chunk.t0_ns == pytest.approx(began_ns, abs=1e5)
    assert chunk.t1_ns == pytest.approx(clock.now_ns(), abs=1e5)


def test_an_overflow_is_told_and_leaves_a_gap(sound: FakeSound, clock: SimulatedClock, microphone: Microphone) -> None:
    microphone.start()
    sound.run(1.0)
    clock.wait_until(clock.now_ns() + 300_000_000)
    sound.run(1.0, overflow=True)
    before, after = microphone.drain()
    assert after.first_sample - before.first_sample - len(before.samples) == pytest.approx(4800, abs=16)
    (event,) = microphone.events()
    assert event.kind == "overflow"
    assert "300 ms" in event.text


def test_a_pulled_plug_is_told_and_recording_goes_on_when_it_is_back(
    sound: FakeSound, clock: SimulatedClock, microphone: Microphone
) -> None:
    microphone.start()
    sound.run(1.0)
    sound.pull()
    (before,) = microphone.drain()
    assert len(before.samples) == RATE
    (event,) = microphone.events()
    assert event.kind == "lost"
    assert "Desk mic" in event.text
    assert microphone.level_db() is None
    assert microphone.drain() == []
    clock.wait_until(clock.now_ns() + 3_000_000_000)
    sound.plugged = True
    wait_for(lambda: len(sound.streams) == 2)
    assert sound.initialised == 1
    wait_for(lambda: [event.kind for event in microphone.events()] == ["restored"] or microphone.drain())
    sound.run(1.0)
    (after,) = microphone.drain()
    assert after.first_sample == pytest.approx(4 * RATE, abs=16)
    assert after.t0_ns == pytest.approx(clock.now_ns() - 1_010_000_000, abs=2e6)
    assert [event.kind for event in microphone.events()] == ["overflow"]


def test_a_device_that_falls_silent_without_a_word_is_taken_for_lost(
    sound: FakeSound, clock: SimulatedClock, microphone: Microphone
) -> None:
    microphone.start()
    sound.run(0.5)
    microphone.drain()
    clock.wait_until(clock.now_ns() + 1_500_000_000)
    sound.plugged = False
    microphone.drain()
    assert [event.kind for event in microphone.events()] == ["lost"]
    with pytest.raises(RecordingError, match="does not deliver"):
        microphone.start()


def test_a_switched_off_microphone_is_told_once(sound: FakeSound, microphone: Microphone) -> None:
    sound.signal = lambda _, n: np.zeros(n)
    microphone.start()
    for _ in range(8):
        sound.run(1.0)
        microphone.drain()
    (event,) = microphone.events()
    assert event.kind == "silent"
    assert microphone.level_db() == -100.0


def test_a_card_without_16_khz_is_used_at_its_own_rate(sound: FakeSound, clock: SimulatedClock) -> None:
    sound.rates, sound.channels = (44_100,), (2,)
    sound.own_hz = 44_100.0
    sound.signal = lambda first, n: 8000 * np.sin(2 * np.pi * 300 * np.arange(first, first + n) / 44_100)
    microphone = open_microphone("Desk mic", clock.now_ns)
    assert (microphone.description.rate_hz, microphone.description.device_rate_hz) == (RATE, 44_100)
    microphone.start()
    chunks = []
    for _ in range(10):
        sound.run(0.2)
        chunks += microphone.drain()
    microphone.stop()
    chunks += microphone.drain()
    samples = np.concatenate([chunk.samples for chunk in chunks])
    assert len(samples) == 2 * RATE
    assert np.abs(samples - 8000 * np.sin(2 * np.pi * 300 * np.arange(2 * RATE) / RATE))[50:-50].max() < 5
    microphone.close()


def test_a_device_that_is_none_is_refused(sound: FakeSound, clock: SimulatedClock, microphone: Microphone) -> None:
    microphone.start()
    stream = sound.streams[-1]
    for _ in range(500):
        stream.wanted["callback"](
            bytes(640), 320, types.SimpleNamespace(inputBufferAdcTime=0.0, currentTime=0.0), types.SimpleNamespace(input_overflow=False)
        )
    clock.wait_until(clock.now_ns() + 100_000_000)
    with pytest.raises(RecordingError, match="more than its rate"):
        microphone.drain()


def test_what_is_in_the_way_is_said_in_words(sound: FakeSound, clock: SimulatedClock) -> None:
    with pytest.raises(RecordingError, match="no microphone called 'Studio'") as wrong_name:
        open_microphone("Studio", clock.now_ns)
    assert "Desk mic" in wrong_name.value.remedy
    sound.in_use = True
    with pytest.raises(RecordingError, match="Device unavailable"):
        open_microphone("default", clock.now_ns)
    sound.plugged = False
    with pytest.raises(RecordingError, match="no microphone"):
        open_microphone("default", clock.now_ns)
    assert find_microphones() == ()
    with pytest.raises(ConfigError, match="no option"):
        open_microphone("default", clock.now_ns, {"path": "x"})


def test_microphones_are_listed_with_the_systems_choice_first(sound: FakeSound) -> None:
    (found,) = find_microphones()
    assert (found.name, found.default) == ("Desk mic", True)


def test_without_the_library_the_extra_is_named(clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtraError, match=r"egma\[voice\]"):
        open_microphone("default", clock.now_ns)


def test_a_file_is_played_on_the_clock_to_the_sample(tmp_path: Path, clock: SimulatedClock) -> None:
    samples = np.arange(20_000, dtype=np.int16)
    write_wav(tmp_path / "a.wav", samples, RATE)
    microphone = open_microphone("file", clock.now_ns, {"path": str(tmp_path / "a.wav")})
    assert microphone.description.origin == "simulated"
    assert microphone.drain() == []
    assert microphone.level_db() is None
    microphone.start()
    start_ns = clock.now_ns()
    chunks = []
    for _ in range(15):
        clock.wait_until(clock.now_ns() + 100_000_000)
        chunks += microphone.drain()
    microphone.stop()
    clock.wait_until(clock.now_ns() + 100_000_000)
    assert microphone.drain() == []
    heard = np.concatenate([chunk.samples for chunk in chunks])
    np.testing.assert_array_equal(heard, np.append(samples, np.zeros(4000)))
    assert [chunk.first_sample for chunk in chunks[:3]] == [0, 1600, 3200]
    assert chunks[2].t0_ns == start_ns + 200_000_000
    assert [event.kind for event in microphone.events()] == ["finished"]
    fit = microphone.clock_fit()
    assert fit is not None
    assert (fit.offset_ns, fit.verdict) == (start_ns, "good")


def test_a_looped_file_begins_again(tmp_path: Path, clock: SimulatedClock) -> None:
    write_wav(tmp_path / "a.wav", np.arange(1, 1001, dtype=np.int16), RATE)
    microphone = open_microphone("file", clock.now_ns, {"path": str(tmp_path / "a.wav"), "loop": "true"})
    microphone.start()
    clock.wait_until(clock.now_ns() + 200_000_000)
    (chunk,) = microphone.drain()
    np.testing.assert_array_equal(chunk.samples, np.resize(np.arange(1, 1001), 3200))
    assert list(microphone.events()) == []


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({}, ConfigError, "needs a recording"),
        ({"path": "nowhere.wav"}, SpeechError, "cannot be read"),
        ({"path": "a.wav", "loop": "often"}, ConfigError, "loop"),
        ({"path": "a.wav", "speed": "2"}, ConfigError, "no option 'speed'"),
    ],
)
def test_a_file_that_cannot_be_played_is_refused(options: dict[str, str], kind: type[Exception], words: str, clock: SimulatedClock) -> None:
    with pytest.raises(kind, match=words):
        open_microphone("file", clock.now_ns, options)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not audio at all"])
def test_a_file_that_is_no_audio_is_refused(content: bytes, tmp_path: Path, clock: SimulatedClock) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(SpeechError):
        open_microphone("file", clock.now_ns, {"path": str(tmp_path / "a.wav")})


def test_portaudio_itself_delivers_what_a_device_of_alsa_holds(tmp_path: Path) -> None:
    """The real library over ALSA's file plug-in, which plays as fast as it is read: found, opened, and refused as no device."""
    pytest.importorskip("sounddevice", exc_type=(ImportError, OSError))
    general = Path("/usr/share/alsa/alsa.conf")
    if not general.exists():
        pytest.skip("ALSA is not here")
    with wave.open(str(tmp_path / "in.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
    (tmp_path / "in.raw").write_bytes((1000 * np.sin(np.arange(RATE) / 5.0)).astype("<i2").tobytes())
    card = f'type file slave.pcm "null" file "/dev/null" infile "{tmp_path}/in.raw" format "raw"'
    hint = 'hint { show on description "A file" }'
    (tmp_path / "asound.conf").write_text(f"<{general}>\npcm.tape {{ {card} {hint} }}\n", encoding="utf-8")
    program = """
        import time
        from egma_core.errors import RecordingError
        from egma_core.recording.microphone import find_microphones, open_microphone
        names = [found.name for found in find_microphones()]
        assert "tape" in names, names
        microphone = open_microphone("tape", time.perf_counter_ns)
        time.sleep(0.1)
        assert microphone.level_db() is not None
        microphone.start()
        time.sleep(0.1)
        try:
            chunks = microphone.drain()
            print("samples", sum(len(chunk.samples) for chunk in chunks))
        except RecordingError as error:
            print("refused", error)
        microphone.close()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "ALSA_CONFIG_PATH": str(tmp_path / "asound.conf")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "more than its rate" in done.stdout
