"""What every tracker must do, tried on each driver with a fake of its device, and on the example of a driver by others."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest

from egma_core.errors import EgmaError, TrackerError
from egma_core.gaze.samples import SAMPLE_DTYPE, GazeOrigin, GazeSamples
from egma_core.trackers.calibration import Calibration, CalibrationResult
from egma_core.trackers.tracker import Capability, TrackerEventKind

SECOND = 10**9
POINTS = ((0.5, 0.5), (0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9))


def test_it_says_what_it_is(bench: Any) -> None:
    description = bench.tracker.description
    assert description.name
    assert description.model
    assert description.origin in get_args(GazeOrigin)
    assert description.rate_hz == pytest.approx(bench.rate_hz)
    assert description.capabilities <= set(get_args(Capability))
    assert ("calibration" in description.capabilities) == (bench.tracker.calibration is not None)
    assert ("display_area" in description.capabilities) == (description.display_mm is not None)
    bench.start()
    assert bench.tracker.description == description


def test_samples_are_well_formed(bench: Any) -> None:
    bench.start()
    started_ns = bench.now_ns()
    bench.advance(3 * SECOND)
    samples = bench.drain()
    rows = samples.rows
    assert rows.dtype == SAMPLE_DTYPE
    assert samples.origin == bench.tracker.description.origin
    assert len(samples) == pytest.approx(3 * bench.rate_hz, abs=1)
    assert (np.diff(rows["host_ns"]) >= 0).all()
    assert rows["host_ns"][0] >= started_ns - 20_000_000
    assert rows["host_ns"][-1] <= bench.now_ns()
    for eye in ("left", "right"):
        seen = rows[f"{eye}_valid"]
        assert seen.any()
        for axis in ("x", "y"):
            assert np.isfinite(rows[f"{eye}_{axis}"][seen]).all()
            assert np.isnan(rows[f"{eye}_{axis}"][~seen]).all()
            assert -0.5 < np.median(rows[f"{eye}_{axis}"][seen]) < 1.5, "in fractions of the display"
        for capability, field, low, high in (("pupil", "pupil_mm", 2.0, 8.0), ("distance", "distance_mm", 400.0, 900.0)):
            values = rows[f"{eye}_{field}"]
            if capability in bench.tracker.description.capabilities:
                assert low < np.nanmedian(values) < high
            else:
                assert np.isnan(values).all()
        if bench.place is not None:
            assert np.median(rows[f"{eye}_x"][seen]) == pytest.approx(bench.place[0], abs=0.05)
            assert np.median(rows[f"{eye}_y"][seen]) == pytest.approx(bench.place[1], abs=0.05)


def test_device_times_are_kept_beside_host_times(bench: Any) -> None:
    bench.start()
    bench.advance(SECOND)
    rows = bench.drain().rows
    assert (np.diff(rows["device_us"]) > 0).all()
    apart_us = np.diff(rows["device_us"]) - np.diff(rows["host_ns"]) / 1000.0
    assert np.abs(apart_us).max() < 1000.0


def test_nothing_comes_twice_and_nothing_is_left_out(bench: Any) -> None:
    bench.start()
    blocks: list[GazeSamples] = []
    for ns in (SECOND // 10, 0, SECOND // 3, SECOND, SECOND // 7):
        bench.advance(ns)
        blocks.append(bench.drain())
    times = np.concatenate([block.rows["host_ns"] for block in blocks])
    assert len(times) == len(set(times.tolist()))
    assert (np.diff(times) > 0).all()
    assert np.diff(times).max() < 3 * SECOND / bench.rate_hz
    assert len(bench.drain()) == 0


@pytest.mark.parametrize("bench", ["mouse", "titta", "tobii_research", "gazepoint", "lsl"], indirect=True)
def test_eyes_that_are_not_seen_are_not_valid(bench: Any) -> None:
    bench.start()
    bench.shut_eyes()
    bench.advance(SECOND)
    rows = bench.drain().rows
    assert len(rows) == pytest.approx(bench.rate_hz, abs=1), "a sample without eyes is a sample"
    for eye in ("left", "right"):
        assert not rows[f"{eye}_valid"].any()
        for field in ("x", "y", "pupil_mm", "distance_mm"):
            assert np.isnan(rows[f"{eye}_{field}"]).all()


def test_nothing_comes_before_start_or_from_after_stop(bench: Any) -> None:
    bench.advance(SECOND)
    assert len(bench.tracker.drain()) == 0
    bench.start()
    bench.advance(SECOND)
    time.sleep(0.05)
    stopped_ns = bench.now_ns()
    bench.tracker.stop()
    last = bench.drain()
    assert len(last) == pytest.approx(bench.rate_hz, abs=1), "what had arrived by the stop can still be drained"
    bench.advance(SECOND)
    assert last.rows["host_ns"].max() <= stopped_ns
    assert len(bench.tracker.drain()) == 0


def test_it_can_be_started_and_stopped_again(bench: Any) -> None:
    tracker = bench.tracker
    bench.start()
    bench.start()
    bench.advance(SECOND)
    tracker.stop()
    tracker.stop()
    bench.advance(SECOND)
    time.sleep(0.05)
    bench.start()
    started_ns = bench.now_ns()
    bench.advance(SECOND)
    again = bench.drain()
    assert again.rows["host_ns"].min() >= started_ns - 20_000_000, "an undrained earlier stream does not run into a new one"
    assert len(again) == pytest.approx(bench.rate_hz, abs=1)


def test_closing_is_always_safe(bench: Any) -> None:
    bench.start()
    if bench.tracker.calibration is not None:
        bench.tracker.calibration.enter(POINTS)
    bench.tracker.close()
    bench.tracker.close()


@pytest.mark.parametrize("bench", ["titta", "tobii_research", "gazepoint", "lsl"], indirect=True)
def test_a_connection_that_is_lost_and_comes_back_is_told_once_each(bench: Any) -> None:
    bench.start()
    bench.advance(SECOND // 2)
    bench.drain()
    assert [event.kind for event in bench.tracker.events()] == []
    bench.lose()
    events = list(bench.tracker.events())
    assert len(bench.tracker.drain()) == 0, "no error: the event says it"
    bench.restore()
    bench.advance(SECOND // 2)
    assert len(bench.drain()) == pytest.approx(bench.rate_hz / 2, abs=1), "samples come again by themselves"
    events += bench.tracker.events()
    assert [event.kind for event in events] == ["connection_lost", "connection_restored"]
    assert events[0].host_ns <= events[1].host_ns
    assert all(event.kind in get_args(TrackerEventKind) and event.text.endswith(".") for event in events)
    assert list(bench.tracker.events()) == []


def test_the_position_of_the_eyes_is_told_as_in_a_mirror(bench: Any) -> None:
    assert bench.tracker.position() is None, "nothing is known before the start"
    bench.start()
    bench.advance(SECOND // 2)
    bench.drain()
    position = bench.tracker.position()
    if "position_guide" not in bench.tracker.description.capabilities:
        assert position is None
        return
    assert position is not None
    assert position.left is not None
    assert position.right is not None
    assert 0.0 < position.left.x < 0.5 < position.right.x < 1.0, "the left eye is on the left"
    for eye in (position.left, position.right):
        assert 0.0 < eye.y < 1.0
        assert 0.0 < eye.z < 1.0
        assert 500.0 < eye.distance_mm < 800.0


@pytest.fixture(params=["simulated", "titta", "tobii_research", "gazepoint"])
def calibrated(request: pytest.FixtureRequest, make_bench: Callable[[str], Any]) -> Any:
    """A bench whose tracker can be calibrated; those of the bench that are not here cannot."""
    bench = make_bench(request.param)
    bench.start()
    return bench


def test_every_other_tracker_has_no_calibration(make_bench: Callable[[str], Any]) -> None:
    for name in ("mouse", "replay", "circle"):
        assert make_bench(name).tracker.calibration is None


def collect(bench: Any, calibration: Calibration, point: tuple[float, float]) -> bool:
    calibration.collect(point)
    assert calibration.state == "collecting"
    bench.let_collect()
    (event,) = bench.wait(calibration)
    assert (event.kind, event.point) == ("collected", point)
    return event.ok


def computed(bench: Any, calibration: Calibration) -> CalibrationResult:
    calibration.compute()
    (event,) = bench.wait(calibration)
    assert event.kind == "computed"
    assert event.result is not None
    assert event.ok == bool(event.result.eyes)
    return event.result


def test_a_calibration_from_beginning_to_end(calibrated: Any) -> None:
    bench, calibration = calibrated, calibrated.tracker.calibration
    able = bench.tracker.description.capabilities
    assert calibration.state == "off"
    calibration.enter(POINTS)
    assert calibration.state == "entering"
    assert [event.kind for event in bench.wait(calibration)] == ["entered"]
    assert calibration.state == "waiting"
    assert all(collect(bench, calibration, point) for point in POINTS)
    if "redo_point" in able:
        calibration.discard(POINTS[2])
        assert [(event.kind, event.ok) for event in bench.wait(calibration)] == [("discarded", True)]
        assert collect(bench, calibration, POINTS[2])
    else:
        calibration.discard(POINTS[2])
        (refused,) = bench.wait(calibration)
        assert not refused.ok
        assert "single point" in str(refused.error)
        assert calibration.state == "waiting"
    result = computed(bench, calibration)
    assert result.eyes == {"left", "right"}
    assert {(round(point.x, 4), round(point.y, 4)) for point in result.points} == set(POINTS)
    for point in result.points:
        for eye in (point.left, point.right):
            assert eye.xy.shape == (len(eye.used), 2)
            assert eye.used.any()
            assert np.hypot(*(eye.xy[eye.used].mean(axis=0) - (point.x, point.y))) < 0.05
    if "calibration_data" in able:
        calibration.apply(result.data)
        assert [(event.kind, event.ok) for event in bench.wait(calibration)] == [("applied", True)]
        calibration.apply(b"somebody else's")
        (refused,) = bench.wait(calibration)
        assert not refused.ok
        assert refused.error is not None
    calibration.leave()
    assert [(event.kind, event.ok) for event in bench.wait(calibration)] == [("left", True)]
    assert calibration.state == "off"
    calibration.enter(POINTS[:2])
    bench.wait(calibration)
    assert calibration.state == "waiting", "it can be done again"


def test_commands_at_the_wrong_moment_are_refused_and_change_nothing(calibrated: Any) -> None:
    bench, calibration = calibrated, calibrated.tracker.calibration
    for command in (lambda: calibration.collect(POINTS[0]), lambda: calibration.discard(POINTS[0]), calibration.compute):
        with pytest.raises(TrackerError, match=r"not in calibration mode\. Enter calibration mode first"):
            command()
    with pytest.raises(TrackerError, match="needs points"):
        calibration.enter(())
    calibration.leave()
    assert (calibration.state, calibration.poll()) == ("off", [])
    calibration.enter(POINTS)
    with pytest.raises(TrackerError, match=r"entering calibration mode\. Wait"):
        calibration.collect(POINTS[0])
    with pytest.raises(TrackerError, match="entering calibration mode"):
        calibration.enter(POINTS)
    bench.wait(calibration)
    with pytest.raises(TrackerError, match=r"in calibration mode already\. Leave it first"):
        calibration.enter(POINTS)
    with pytest.raises(TrackerError, match="gave no data"):
        calibration.apply(b"")
    calibration.collect(POINTS[0])
    with pytest.raises(TrackerError, match="collecting a point"):
        calibration.compute()
    calibration.leave()
    bench.let_collect()
    events = bench.wait(calibration, 2)
    assert [event.kind for event in events] == ["collected", "left"], "leaving waits its turn"
    assert calibration.state == "off"


def test_too_few_points_make_no_calibration(calibrated: Any) -> None:
    bench, calibration = calibrated, calibrated.tracker.calibration
    calibration.enter(POINTS)
    bench.wait(calibration)
    assert collect(bench, calibration, POINTS[0])
    calibration.compute()
    (event,) = bench.wait(calibration)
    assert not event.ok
    assert event.result is None or event.result.eyes == frozenset()
    assert event.error is None or isinstance(event.error, EgmaError)
    assert calibration.state == "waiting", "the missing points can still be collected"
