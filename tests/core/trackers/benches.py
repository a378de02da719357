"""Benches: each driver that this program has, with a fake of its device, on a clock that the test winds."""

from __future__ import annotations

import importlib
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from egma_core.gaze.samples import GazeSamples
from egma_core.geometry import Screen
from egma_core.trackers.calibration import Calibration, CalibrationEvent, Point
from egma_core.trackers.driver import TrackerRequest
from egma_core.trackers.drivers import open_tracker
from egma_core.trackers.fed import FedTracker
from egma_core.trackers.simulated import SimulatedTracker
from egma_core.trackers.tracker import Tracker

FAKES = Path(__file__).parent / "fakes"
SCREEN = Screen(1920, 1080, 531.0, 299.0, 650.0)
SECOND = 10**9


def load(path: Path) -> ModuleType:
    """A module that is no test, from its file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Bench:
    """A tracker and the world before it.

    Attributes:
        place: Where both eyes look, within 0.05 of the display, or None where they wander.
    """

    place: Point | None = None
    rate_hz = 60.0

    def __init__(self) -> None:
        self._now_ns = 5 * SECOND
        self.tracker: Tracker = self.open()

    def now_ns(self) -> int:
        return self._now_ns

    def request(self, **more: Any) -> TrackerRequest:
        return TrackerRequest(self.now_ns, SCREEN, self.rate_hz, **more)

    def open(self) -> Tracker:
        raise NotImplementedError

    def start(self) -> None:
        self.tracker.start()

    def advance(self, ns: int) -> None:
        """Let time pass, with a frame every so often."""
        step = round(SECOND / self.rate_hz)
        begin = self._now_ns
        for at in range(begin + step, begin + ns + 1, step):
            self._now_ns = at
            self.frame(at)
        self._now_ns = begin + ns

    def frame(self, at_ns: int) -> None:
        """The device takes a sample."""

    def drain(self) -> GazeSamples:
        return self.tracker.drain()

    def wait(self, calibration: Calibration, n: int = 1) -> list[CalibrationEvent]:
        """The next events of a calibration."""
        events: list[CalibrationEvent] = []
        deadline = time.perf_counter() + 60.0
        while len(events) < n and time.perf_counter() < deadline:
            self.pass_time()
            events += calibration.poll()
        assert len(events) >= n, (events, calibration.state)
        return events

    def pass_time(self) -> None:
        time.sleep(0.002)

    def let_collect(self) -> None:
        """The reader looks at the point, and the device may end it."""

    def close(self) -> None:
        self.tracker.close()


class SimulatedBench(Bench):
    def open(self) -> Tracker:
        return open_tracker("simulated", self.request(seed=3))

    def pass_time(self) -> None:
        self._now_ns += SECOND // 10


class MouseBench(Bench):
    place = (0.25, 0.75)
    seen = True

    def open(self) -> Tracker:
        return open_tracker("mouse", self.request())

    def frame(self, at_ns: int) -> None:
        assert isinstance(self.tracker, FedTracker)
        self.tracker.push(at_ns, *((0.25, 0.75) if self.seen else (np.nan, np.nan)))

    def shut_eyes(self) -> None:
        self.seen = False


class ReplayBench(Bench):
    def open(self) -> Tracker:
        recorded_ns = 0
        recorded = SimulatedTracker(lambda: recorded_ns, SCREEN, rate_hz=60.0, seed=8)
        recorded.start()
        recorded_ns = 30 * SECOND
        return open_tracker("replay", self.request(samples=recorded.drain(), title="reading 7"))


class CircleBench(Bench):
    rate_hz = 50.0

    def open(self) -> Tracker:
        return load(FAKES.parent / "example_driver.py").DRIVER.open(self.request())


class TobiiBench(Bench):
    place = (0.25, 0.75)
    sdk = ""

    def open(self) -> Tracker:
        from egma_core.trackers import titta, titta_search, tobii, tobii_research_sdk

        self.room = importlib.import_module("tobii_room").ROOM
        self.room.now_us = lambda: self.now_ns() // 1000
        self.hardware = importlib.import_module("tobii_room").Hardware()
        self.room.trackers[:] = [self.hardware]
        if self.sdk == "titta":
            module = titta_search.sdk(titta_search.module_for(self.hardware.model))
            device: Any = titta.TittaDevice(module, module.EyeTracker(self.hardware.address))
        else:
            (info,) = tobii_research_sdk.find()
            device = tobii_research_sdk.connect(info)
        return tobii.TobiiTracker(device, self.request())

    def frame(self, at_ns: int) -> None:
        self.hardware.sample(at_ns // 1000)

    def shut_eyes(self) -> None:
        self.hardware.eyes_open = False

    def notify(self, kind: str) -> None:
        self.hardware.tell("notification", {"type": kind, "system_us": self.now_ns() // 1000})

    def lose(self) -> None:
        self.hardware.connected = False
        self.notify("connection_lost")

    def restore(self) -> None:
        self.hardware.connected = True
        self.notify("connection_restored")


class TittaBench(TobiiBench):
    sdk = "titta"


class TobiiResearchBench(TobiiBench):
    sdk = "tobii_research"


class DistantBench(Bench):
    """A device at the other end of a connection: what it sends takes a moment to arrive."""

    sent = 0

    def drain(self) -> GazeSamples:
        blocks = [self.tracker.drain()]
        deadline = time.perf_counter() + 60.0
        while sum(map(len, blocks)) < self.sent and time.perf_counter() < deadline:
            time.sleep(0.001)
            blocks.append(self.tracker.drain())
        self.sent = 0
        return GazeSamples.join(blocks, blocks[0].origin)


class GazepointBench(DistantBench):
    place = (0.25, 0.75)

    def open(self) -> Tracker:
        self.server = load(FAKES / "open_gaze_server.py").OpenGazeServer(self.now_ns)
        return open_tracker("gazepoint", self.request(address=f"127.0.0.1:{self.server.port}"))

    def start(self) -> None:
        self.sent = 0
        super().start()
        self.until(lambda: self.server.state.get("ENABLE_SEND_DATA") == "1")

    def until(self, reached: Callable[[], bool]) -> None:
        deadline = time.perf_counter() + 60.0
        while not reached():
            assert time.perf_counter() < deadline
            time.sleep(0.001)

    def frame(self, at_ns: int) -> None:
        self.sent += self.server.sample(at_ns)

    def shut_eyes(self) -> None:
        self.server.eyes_open = False

    def let_collect(self) -> None:
        self.server.go.release()

    def lose(self) -> None:
        self.server.drop()
        self.until(lambda: not self.tracker._link._up)

    def restore(self) -> None:
        self.until(lambda: self.server.state.get("ENABLE_SEND_DATA") == "1")

    def close(self) -> None:
        for _ in range(20):
            self.server.go.release()
        super().close()
        self.server.close()


class LslBench(DistantBench):
    """A real outlet and inlet; their clock is this computer's until the stream is open, and then wound by the test."""

    place = (0.25, 0.75)
    opened = False
    seen = True

    def now_ns(self) -> int:
        return self._now_ns if self.opened else time.perf_counter_ns()

    def open(self) -> Tracker:
        import pylsl

        self.source = f"bench {time.perf_counter_ns()}"
        info = pylsl.StreamInfo("Gaze of a bench", "Gaze", 8, self.rate_hz, pylsl.cf_double64, self.source)
        acquisition = info.desc().append_child("acquisition")
        for name, value in (("manufacturer", "Acme"), ("model", "Eye"), ("serial_number", "7"), ("firmware_version", "1.2")):
            acquisition.append_child_value(name, value)
        channels = info.desc().append_child("channels")
        for eye in ("left", "right"):
            for kind, unit in (("ScreenX", "normalized"), ("ScreenY", "pixels"), ("Diameter", "mm"), ("PupilZ", "cm")):
                channel = channels.append_child("channel")
                for name, value in (("label", f"{kind} {eye}"), ("eye", eye), ("type", kind), ("unit", unit)):
                    channel.append_child_value(name, value)
        self.outlet = pylsl.StreamOutlet(info)
        tracker = open_tracker("lsl", self.request(address=self.source))
        self._now_ns, self.opened = time.perf_counter_ns(), True
        return tracker

    def frame(self, at_ns: int) -> None:
        eye = [0.25, 0.75 * 1080, 3.25, 65.0] if self.seen else [np.nan] * 4
        self.outlet.push_sample(eye * 2, at_ns / 1e9)
        self.sent += 1

    def start(self) -> None:
        self.sent = 0
        super().start()

    def shut_eyes(self) -> None:
        self.seen = False

    def lose(self) -> None:
        for _ in range(3):
            self._now_ns += SECOND
            self.tracker.drain()

    def restore(self) -> None:
        self.sent = 0


BENCHES: dict[str, type[Bench]] = {
    "simulated": SimulatedBench,
    "mouse": MouseBench,
    "replay": ReplayBench,
    "circle": CircleBench,
    "titta": TittaBench,
    "tobii_research": TobiiResearchBench,
    "gazepoint": GazepointBench,
    "lsl": LslBench,
}
