"""The calibration's state machine over devices that take their time and fail, and a simulated tracker put right by it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest

from egma_core.errors import TrackerError
from egma_core.geometry import Screen
from egma_core.trackers.calibration import Calibration, CalibrationEvent, CalibrationResult, Point
from egma_core.trackers.scanpath import GazeTarget
from egma_core.trackers.simulated import SimulatedTracker
from egma_core.trackers.worker import ThreadWorker

SCREEN = Screen(1920, 1080, 531.0, 299.0, 650.0)
SECOND = 10**9
PATIENCE_S = 60.0
"""No test waits so long unless it fails."""

FIVE = ((0.5, 0.5), (0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9))


class SlowDevice:
    """Takes as long as the test wants, and fails when told."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.failing = ""
        self.error: Exception | None = None

    def _do(self, what: str) -> None:
        assert threading.current_thread() is not threading.main_thread()
        assert self.go.wait(PATIENCE_S)
        if self.failing == what:
            raise self.error or TrackerError(f"Cannot {what}.", "Try again.")

    def enter(self, _points: Sequence[Point]) -> None:
        self._do("enter")

    def collect(self, _point: Point) -> bool:
        self._do("collect")
        return True

    def discard(self, _point: Point) -> None:
        self._do("discard")

    def compute(self) -> CalibrationResult:
        self._do("compute")
        return CalibrationResult(frozenset({"left"}))

    def apply(self, _data: bytes) -> None:
        self._do("apply")

    def leave(self) -> None:
        self._do("leave")


def after(calibration: Calibration, n: int = 1) -> list[CalibrationEvent]:
    events: list[CalibrationEvent] = []
    deadline = time.perf_counter() + PATIENCE_S
    while len(events) < n and time.perf_counter() < deadline:
        events += calibration.poll()
        time.sleep(0.001)
    return events


def workers() -> int:
    return sum(thread.name == "calibration" for thread in threading.enumerate())


def test_a_slow_device_never_holds_the_caller_up() -> None:
    device = SlowDevice()
    calibration = Calibration(device, ThreadWorker())
    calibration.enter(FIVE)
    assert (calibration.poll(), calibration.state) == ([], "entering"), "the device cannot have ended: it has not been let go"
    device.go.set()
    assert [(event.kind, event.ok) for event in after(calibration)] == [("entered", True)]
    device.go.clear()
    calibration.collect(FIVE[0])
    assert (calibration.poll(), calibration.state) == ([], "collecting")
    device.go.set()
    (event,) = after(calibration)
    assert (event.point, event.ok) == (FIVE[0], True)
    calibration.close()
    assert calibration.state == "off"


def test_what_fails_is_told_and_can_be_tried_again() -> None:
    device = SlowDevice()
    device.go.set()
    calibration = Calibration(device, ThreadWorker())
    device.failing = "enter"
    calibration.enter(FIVE)
    (event,) = after(calibration)
    assert (event.kind, event.ok, str(event.error), calibration.state) == ("entered", False, "Cannot enter. Try again.", "off")
    device.failing = "collect"
    calibration.enter(FIVE)
    after(calibration)
    calibration.collect(FIVE[0])
    (event,) = after(calibration)
    assert (event.kind, event.ok, event.point, calibration.state) == ("collected", False, FIVE[0], "waiting")
    device.failing = ""
    calibration.compute()
    (event,) = after(calibration)
    assert event.result is not None
    assert (event.ok, event.result.eyes) == (True, {"left"}), "one eye is better than none"
    device.failing = "leave"
    calibration.leave()
    (event,) = after(calibration)
    assert (event.kind, event.ok, calibration.state) == ("left", False, "off"), "out of it, whatever the device says"


def test_a_driver_that_fails_in_a_way_of_its_own_does_not_keep_anybody_in_calibration(caplog: pytest.LogCaptureFixture) -> None:
    device = SlowDevice()
    device.go.set()
    before = workers()
    calibration = Calibration(device, ThreadWorker())
    calibration.enter(FIVE)
    after(calibration)
    device.failing, device.error = "collect", ValueError("device TPSP1-0123 at 10.0.0.7")
    calibration.collect(FIVE[0])
    (event,) = after(calibration)
    assert (event.kind, event.ok, event.point, calibration.state) == ("collected", False, FIVE[0], "waiting")
    assert isinstance(event.error, TrackerError)
    assert "driver failed during the calibration (ValueError)" in str(event.error)
    device.failing = ""
    calibration.collect(FIVE[0])
    (event,) = after(calibration)
    assert event.ok, "the thread goes on serving"
    device.failing = "collect"
    calibration.collect(FIVE[1])
    calibration.leave()
    assert [(event.kind, event.ok) for event in after(calibration, 2)] == [("collected", False), ("left", True)]
    assert calibration.state == "off"
    device.failing = "enter"
    calibration.enter(FIVE)
    (event,) = after(calibration)
    assert (event.kind, event.ok, calibration.state) == ("entered", False, "off")
    deadline = time.perf_counter() + PATIENCE_S
    while workers() > before and time.perf_counter() < deadline:
        time.sleep(0.001)
    assert workers() == before
    assert caplog.messages == ["A tracker's driver failed during calibration: ValueError"] * 3
    assert not any(name in caplog.text for name in ("TPSP1", "10.0.0.7")), "what the maker's message names stays out of the log"


def test_threads_end_with_the_calibration() -> None:
    device = SlowDevice()
    device.go.set()
    calibration = Calibration(device, ThreadWorker())
    before = workers()
    for _ in range(3):
        calibration.enter(FIVE)
        after(calibration)
        calibration.leave()
        after(calibration)
    device.failing = "enter"
    calibration.enter(FIVE)
    after(calibration)
    deadline = time.perf_counter() + PATIENCE_S
    while workers() > before and time.perf_counter() < deadline:
        time.sleep(0.001)
    assert workers() == before


class Clock:
    now = 7 * SECOND

    def __call__(self) -> int:
        return self.now


def sit(**options: float) -> tuple[Clock, SimulatedTracker]:
    clock = Clock()
    tracker = SimulatedTracker(clock, SCREEN, **{"seed": 4, "losses_per_min": 0.0, "blinks_per_min": 0.0, **options})
    tracker.start()
    return clock, tracker


def calibrate(clock: Clock, tracker: SimulatedTracker, points: Sequence[Point] = FIVE) -> CalibrationResult | None:
    calibration = tracker.calibration
    assert calibration is not None

    def done() -> CalibrationEvent:
        clock.now += SECOND
        (event,) = calibration.poll()
        return event

    calibration.enter(points)
    done()
    for point in points:
        calibration.collect(point)
        while not done().ok:
            calibration.collect(point)
    calibration.compute()
    result = done().result
    calibration.leave()
    done()
    return result


def off_deg(clock: Clock, tracker: SimulatedTracker, place: Point = (0.3, 0.6)) -> dict[str, float]:
    """How far each eye is off while the reader looks at a place for 4 s, in degrees: the median."""
    tracker.look_at([GazeTarget(clock.now + SECOND, clock.now + 6 * SECOND, *place)])
    clock.now += 2 * SECOND
    tracker.drain()
    clock.now += 4 * SECOND
    rows = tracker.drain().rows
    size, per_deg = np.array([SCREEN.width_px, SCREEN.height_px]), SCREEN.px_per_deg()
    away = {}
    for eye in ("left", "right"):
        xy = np.stack([rows[f"{eye}_x"], rows[f"{eye}_y"]], axis=-1)
        away[eye] = float(np.hypot(*(np.nanmedian(xy - place, axis=0) * size / per_deg)))
    return away


def test_a_calibration_takes_a_known_offset_out() -> None:
    clock, tracker = sit(offset_deg=2.0)
    before = off_deg(clock, tracker)
    assert max(before.values()) > 1.5
    result = calibrate(clock, tracker)
    assert result is not None
    assert result.eyes == {"left", "right"}
    after_ = off_deg(clock, tracker)
    assert max(after_.values()) < 0.3, (before, after_)
    for point in result.points:
        for eye in (point.left, point.right):
            assert np.hypot(*(eye.xy[eye.used].mean(axis=0) - (point.x, point.y))) < 0.01, "as the tracker sees it now"


def test_the_better_of_two_calibrations_can_be_kept() -> None:
    clock, tracker = sit(offset_deg=2.0, noise_deg=0.05)
    good = calibrate(clock, tracker)
    assert good is not None
    tracker._errors.correction_deg = tracker._errors.correction_deg + 3.0  # a second attempt gone wrong
    assert max(off_deg(clock, tracker).values()) > 2.0
    calibration = tracker.calibration
    assert calibration is not None
    calibration.enter(FIVE)
    clock.now += SECOND
    calibration.poll()
    calibration.apply(good.data)
    assert [event.ok for event in calibration.poll()] == [True]
    assert max(off_deg(clock, tracker).values()) < 0.3


def test_drift_comes_back_after_a_calibration_and_another_takes_it_out() -> None:
    clock, tracker = sit(offset_deg=0.0, drift_deg_per_min=0.5)
    calibrate(clock, tracker)
    assert max(off_deg(clock, tracker).values()) < 0.4
    clock.now += 300 * SECOND
    tracker.drain()
    assert max(off_deg(clock, tracker).values()) > 1.0
    calibrate(clock, tracker)
    assert max(off_deg(clock, tracker).values()) < 0.4


def test_a_reader_who_blinks_too_much_fails_points() -> None:
    clock, tracker = sit(blinks_per_min=200.0)
    calibration = tracker.calibration
    assert calibration is not None
    calibration.enter(FIVE)
    clock.now += SECOND
    calibration.poll()
    outcomes = []
    for _ in range(30):
        calibration.collect(FIVE[0])
        clock.now += SECOND
        outcomes += [event.ok for event in calibration.poll()]
    assert 0 < sum(outcomes) < 30


def test_the_reader_looks_at_the_point_that_is_collected() -> None:
    clock, tracker = sit(offset_deg=0.0, noise_deg=0.0)
    calibration = tracker.calibration
    assert calibration is not None
    calibration.enter(FIVE)
    clock.now += SECOND
    calibration.poll()
    tracker.drain()
    calibration.collect((0.9, 0.1))
    clock.now += 8 * SECOND // 10
    last = tracker.drain().rows[-5:]
    assert np.abs(last["left_x"] - 0.9).max() < 0.05
    assert np.abs(last["left_y"] - 0.1).max() < 0.05


def test_a_point_that_was_never_collected_cannot_be_discarded() -> None:
    clock, tracker = sit()
    calibration = tracker.calibration
    assert calibration is not None
    calibration.enter(FIVE)
    clock.now += SECOND
    calibration.poll()
    calibration.discard(FIVE[0])
    (event,) = calibration.poll()
    assert (event.kind, event.ok) == ("discarded", False)
    with pytest.raises(TrackerError, match="in calibration mode already"):
        calibration.enter(FIVE)
