"""Tobii's driver over fakes of both SDKs: its words for trouble, its choices, and that the fakes are like the real ones."""

from __future__ import annotations

import importlib
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egma_core.errors import ConfigError, MissingExtraError, TrackerError
from egma_core.geometry import Screen
from egma_core.trackers import titta, titta_search, tobii, tobii_research_sdk
from egma_core.trackers.driver import TrackerRequest
from egma_core.trackers.tobii import TOBII, TobiiTracker, sdk_for

FAKES = Path(__file__).parent / "fakes"
SCREEN = Screen(1920, 1080, 531.0, 299.0, 650.0)
SECOND = 10**9


@pytest.fixture(params=["titta", "tobii_research"])
def sdk(request: pytest.FixtureRequest) -> str:
    return request.param


class Lab:
    """A room with trackers in it, opened through one SDK without a search."""

    def __init__(self, room: Any, sdk: str) -> None:
        self.room, self.sdk = room, sdk
        self.now_ns = 50 * SECOND
        room.ROOM.now_us = lambda: self.now_ns // 1000
        self.hardware = room.Hardware()
        room.ROOM.trackers[:] = [self.hardware]

    def open(self, rate_hz: float | None = None) -> TobiiTracker:
        if self.sdk == "titta":
            module = importlib.import_module("TittaPy_v2")
            device: Any = titta.TittaDevice(module, module.EyeTracker(self.hardware.address))
        else:
            (info,) = tobii_research_sdk.find()
            device = tobii_research_sdk.connect(info)
        return TobiiTracker(device, TrackerRequest(lambda: self.now_ns, SCREEN, rate_hz))

    def notify(self, kind: str) -> None:
        self.hardware.tell("notification", {"type": kind, "system_us": self.now_ns // 1000})

    def frames(self, n: int) -> None:
        for _ in range(n):
            self.now_ns += SECOND // 60
            self.hardware.sample(self.now_ns // 1000)


@pytest.fixture
def lab(tobii_fakes: Any, sdk: str) -> Lab:
    return Lab(tobii_fakes, sdk)


def test_it_says_what_it_is(lab: Lab) -> None:
    about = lab.open().description
    assert (about.model, about.serial, about.firmware, about.rate_hz) == ("Tobii Pro Spectrum", "TPSP1-1", "2.6.1", 60.0)
    assert about.rates_hz == (60.0, 120.0, 600.0, 1200.0)
    assert about.display_mm == (531.0, 299.0)


def test_distances_are_from_the_eye_to_the_display_centre(lab: Lab) -> None:
    tracker = lab.open()
    tracker.start()
    lab.frames(3)
    rows = tracker.drain().rows
    assert rows["left_distance_mm"].tolist() == pytest.approx([float(np.hypot(650.0, 31.0))] * 3, abs=0.01)
    assert rows["device_us"].tolist() == (rows["host_ns"] // 1000 + lab.hardware.device_ahead_us).tolist()


def test_a_rate_is_set_or_refused(lab: Lab) -> None:
    assert lab.open(600.0).description.rate_hz == 600.0
    assert lab.hardware.frequency == 600.0
    with pytest.raises(TrackerError, match=r"cannot run at 250 samples a second\. It can run at 60, 120, 600, 1200"):
        lab.open(250.0)


def test_no_display_area_is_said_in_words(lab: Lab) -> None:
    lab.hardware.has_display = False
    with pytest.raises(TrackerError, match=r"\(no display area\)") as refused:
        lab.open()
    assert "Eye Tracker Manager" in refused.value.remedy


def test_an_insufficient_licence_is_said_in_words(lab: Lab) -> None:
    lab.hardware.licensed = False
    tracker = lab.open()
    words: list[str] = []
    try:
        tracker.start()
    except TrackerError as error:  # TittaPy tells at once, ...
        words.append(str(error))
    words += [event.text for event in tracker.events() if event.kind == "licence"]  # ... tobii_research by a stream error
    assert len(words) == 1
    assert "(insufficient licence)" in words[0]
    assert "licence from Tobii" in words[0]
    lab.frames(3)
    assert len(tracker.drain()) == 0
    tracker.close()


def test_a_lost_connection_is_said_in_words_and_survived(lab: Lab) -> None:
    tracker = lab.open()
    tracker.start()
    lab.hardware.connected = False
    lab.notify("connection_lost")
    lab.frames(10)
    (event,) = tracker.events()
    assert (event.kind, event.host_ns) == ("connection_lost", 50 * SECOND)
    assert "does not answer any more. Check its cable" in event.text
    tracker.stop()
    tracker.close()


def test_silence_counts_as_a_lost_connection(lab: Lab) -> None:
    tracker = lab.open()
    tracker.start()
    lab.frames(3)
    tracker.drain()
    for _ in range(4):
        lab.now_ns += SECOND // 2
        tracker.drain()
    assert [event.kind for event in tracker.events()] == ["connection_lost"]


def test_what_happens_to_the_tracker_is_told(lab: Lab) -> None:
    tracker = lab.open()
    lab.notify("calibration_changed")
    lab.hardware.frequency = 120.0
    lab.notify("gaze_output_frequency_changed")
    lab.notify("device_warnings")
    lab.notify("stream_buffer_overflow")
    lab.notify("calibration_mode_entered")
    assert [event.kind for event in tracker.events()] == ["calibration_changed", "rate_changed", "warning", "overflow"]
    assert tracker.description.rate_hz == 120.0
    lab.notify("display_area_changed")
    (event,) = tracker.events()
    assert (event.kind, event.text) == ("display_area", "The tracker was set up for another screen (531 × 299 mm).")


def test_a_reader_who_looks_away_fails_the_point(lab: Lab) -> None:
    calibration = lab.open().calibration
    assert calibration is not None
    calibration.enter([(0.5, 0.5)])
    events: list[Any] = []
    while not events:
        events += calibration.poll()
    lab.hardware.eyes_open = False
    calibration.collect((0.5, 0.5))
    events.clear()
    deadline = time.perf_counter() + 60.0
    while not events and time.perf_counter() < deadline:
        events += calibration.poll()
    assert [(event.kind, event.ok, event.error) for event in events] == [("collected", False, None)]
    calibration.close()


def test_a_tracker_without_calibration_has_none(lab: Lab) -> None:
    lab.hardware.can_calibrate = False
    tracker = lab.open()
    assert tracker.calibration is None
    assert "calibration" not in tracker.description.capabilities


def test_samples_that_nobody_fetches_are_missed_in_words(tobii_fakes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tobii_research_sdk, "_CAPACITY", 50)
    lab = Lab(tobii_fakes, "tobii_research")
    tracker = lab.open()
    tracker.start()
    lab.frames(49)
    tracker.drain()
    assert list(tracker.events()) == []
    lab.frames(60)
    assert len(tracker.drain()) == 50
    assert [event.kind for event in tracker.events()] == ["overflow"]


def test_the_sdk_follows_python_and_the_option() -> None:
    assert sdk_for("", (3, 10)) == "tobii_research"
    assert sdk_for("titta", (3, 10)) == "titta"
    assert sdk_for("", (3, 11)) == sdk_for("", (3, 13)) == "titta"
    with pytest.raises(ConfigError, match=r"Python 3\.10 only"):
        sdk_for("tobii_research", (3, 12))
    with pytest.raises(ConfigError, match="no SDK of Tobii's called 'x'"):
        sdk_for("x")


@pytest.mark.parametrize(
    ("model", "module"),
    [
        ("Tobii Pro Spectrum", "TittaPy_v2"),
        ("Tobii Pro Fusion", "TittaPy_v2"),
        ("Tobii Pro Nano", "TittaPy_v2"),
        ("Tobii Pro Spark", "TittaPy_v2"),
        ("Tobii TX300", "TittaPy_v1"),
        ("Tobii Pro X3-120", "TittaPy_v1"),
        ("IS4_Large_Peripheral", "TittaPy_v1"),
    ],
)
def test_the_module_follows_the_model(model: str, module: str) -> None:
    assert titta_search.module_for(model) == module


def test_the_search_runs_in_another_process_and_chooses_by_serial(tobii_fakes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    described = "Tobii Pro Spectrum:TPSP1-9;Tobii TX300:TX300-2"
    monkeypatch.setenv("EGMA_FAKE_TOBII", described)
    monkeypatch.setenv("PYTHONPATH", str(FAKES))
    found = titta_search.find()
    assert [(info.model, info.serial, info.rate_hz) for info in found] == [
        ("Tobii Pro Spectrum", "TPSP1-9", 60.0),
        ("Tobii TX300", "TX300-2", 60.0),
    ], "each once, by the module that drives it"
    for serial, model in (("TPSP1-9", "Tobii Pro Spectrum"), ("TX300-2", "Tobii TX300")):
        tobii_fakes.ROOM.trackers.append(tobii_fakes.Hardware(model, serial))
    monkeypatch.setattr(titta_search, "find", lambda: found)
    monkeypatch.setitem(tobii._FINDERS, "titta", lambda: found)
    options = {"sdk": "titta"}
    with pytest.raises(TrackerError, match=r"Several Tobii eye trackers were found: .*TX300-2"):
        TOBII.open(TrackerRequest(time.perf_counter_ns, SCREEN, options=options))
    with pytest.raises(TrackerError, match="No Tobii eye tracker 'TPSP1-1' was found"):
        TOBII.open(TrackerRequest(time.perf_counter_ns, SCREEN, address="TPSP1-1", options=options))
    tracker = TOBII.open(TrackerRequest(time.perf_counter_ns, SCREEN, address="TX300-2", options=options))
    assert tracker.description.serial == "TX300-2"
    tracker.close()


def test_a_missing_sdk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tobii_research", "TittaPy_v1", "TittaPy_v2"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(titta_search.importlib.util, "find_spec", lambda _name: None)
    for look in (tobii_research_sdk.find, titta_search.find, lambda: titta_search.sdk("TittaPy_v2")):
        with pytest.raises(MissingExtraError, match=r"egma\[tobii\]"):
            look()


def test_the_callbacks_only_append(tobii_fakes: Any) -> None:
    lab = Lab(tobii_fakes, "tobii_research")
    tracker = lab.open()
    tracker.start()
    device: Any = tracker._device
    assert all(isinstance(callback, types.BuiltinMethodType) for _, callback in device._streams), "deque.append itself"
