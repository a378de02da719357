from __future__ import annotations

import time
import wave
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from egma_core.child import Channel, Command
from egma_core.errors import ConfigError, MissingExtraError, RecordingError, SpeechError
from egma_core.recording import devices as module
from egma_core.recording.devices import Devices
from egma_core.trackers import drivers
from egma_core.trackers.driver import Driver, FoundTracker, TrackerRequest
from egma_core.trackers.simulated import SimulatedTracker


class Wire:
    """What a process tells, without one."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.devices = Devices(cast(Channel, self))

    def emit(self, event: str, **fields: Any) -> None:
        self.told.append({"event": event, **fields})

    def do(self, name: str, **fields: Any) -> None:
        self.devices.handle(Command(name, fields))

    def until(self, event: str, **wanted: Any) -> dict[str, Any]:
        """The first event of that name and those fields; the process goes on until it comes."""
        for _ in range(500):
            for told in self.told:
                if told["event"] == event and all(told[name] == value for name, value in wanted.items()):
                    return told
            self.devices.step()
            time.sleep(0.005)
        raise AssertionError(f"no {event} came: {self.told}")


@pytest.fixture
def wire() -> Wire:
    return Wire()


def opened(request: TrackerRequest) -> SimulatedTracker:
    return SimulatedTracker(request.now_ns, request.screen, rate_hz=request.rate_hz or 250.0)


def missing() -> tuple[FoundTracker, ...]:
    raise MissingExtraError("A tracker of glass", "glass")


def test_what_is_there_is_told_as_it_is_found(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    found = FoundTracker("near", "Near One", "N-1", "usb://1")
    made = {"near": Driver("Trackers at hand", opened, lambda: (found,)), "glass": Driver("Trackers of glass", opened, missing)}
    monkeypatch.setattr(drivers, "BUILT_IN", made)
    monkeypatch.setattr(module, "find_microphones", lambda: (_ for _ in ()).throw(RecordingError("The sound system sleeps.")))
    wire.do("find")
    told = wire.until("found", done=True)
    assert [t["address"] for t in told["trackers"]] == ["usb://1"]
    assert "egma[glass]" in told["troubles"]["glass"] and "near" not in told["troubles"]
    assert wire.until("driver", name="near")["title"] == "Trackers at hand"
    assert wire.until("microphones") == {"event": "microphones", "found": [], "trouble": "The sound system sleeps."}
    assert {t["name"] for t in wire.told if t["event"] == "engine"} == {"moonshine", "whisper"}


def test_a_tracker_tells_of_itself_and_is_let_go(wire: Wire) -> None:
    wire.do("ask", driver="simulated", rate_hz=600.0)
    told = wire.until("asked")
    assert told["tracker"]["rate_hz"] == 600.0 and told["tracker"]["capabilities"] == sorted(told["tracker"]["capabilities"])


def test_why_a_tracker_does_not_answer_is_told(wire: Wire) -> None:
    wire.do("ask", driver="crystal ball")
    assert "no tracker called 'crystal ball'" in wire.until("asked")["trouble"]


def test_a_microphone_is_listened_to_and_nothing_kept(wire: Wire, tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((8000 * np.sin(np.arange(32000) * 0.2)).astype("<i2").tobytes())
    wire.do("listen", microphone="file", options={"path": str(path), "loop": "true"})
    for _ in range(100):
        wire.devices.step()
        time.sleep(0.01)
        if any(told["event"] == "level" and (told["db"] or -99.0) > -40.0 for told in wire.told):
            break
    else:
        raise AssertionError("nothing was heard")
    wire.do("hush")
    n = len(wire.told)
    wire.devices.step()
    assert len(wire.told) == n
    wire.devices.close()


def test_what_cannot_be_is_refused_in_words(wire: Wire, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no command 'fly'"):
        wire.do("fly")
    with pytest.raises((RecordingError, SpeechError)):
        wire.do("listen", microphone="file", options={"path": str(tmp_path / "none.wav")})
    wire.devices.step()
    assert wire.told == []
