"""The simulated tracker: repeatable, independent of how it is drained, and shaped like a reader's gaze."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from egma_core.errors import ConfigError, TrackerError
from egma_core.gaze.samples import GazeSamples
from egma_core.geometry import Screen
from egma_core.trackers.scanpath import GazeTarget
from egma_core.trackers.simulated import SimulatedTracker

SCREEN = Screen(1920, 1080, 531.0, 299.0, 650.0)
SECOND = 10**9
STEADY = {"noise_deg": 0.0, "offset_deg": 0.0, "blinks_per_min": 0.0, "losses_per_min": 0.0}


class Clock:
    now = 7 * SECOND

    def __call__(self) -> int:
        return self.now


def stream(cuts: list[int], targets: list[GazeTarget], look_ns: int, seconds: float, **options: float) -> GazeSamples:
    """The samples of some seconds, drained at `cuts` ns after the start; the targets are given at `look_ns`."""
    clock = Clock()
    tracker = SimulatedTracker(clock, SCREEN, **options)
    tracker.start()
    blocks: list[GazeSamples] = []
    for at in sorted({*cuts, look_ns, round(seconds * SECOND)}):
        clock.now = Clock.now + at
        if at in cuts or at > look_ns:
            blocks.append(tracker.drain())
        if at == look_ns:
            tracker.look_at(targets)
    return GazeSamples.join(blocks, "simulated")


TARGETS = [GazeTarget(9 * SECOND, 10 * SECOND, 0.2, 0.3), GazeTarget(10 * SECOND + 10**8, 11 * SECOND, 0.7, 0.6)]


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 5 * SECOND), max_size=8), seed=st.integers(0, 99))
def test_the_stream_does_not_depend_on_how_it_is_drained(cuts: list[int], seed: int) -> None:
    whole = stream([], TARGETS, SECOND, 5.0, seed=seed, rate_hz=250.0)
    cut = stream(cuts, TARGETS, SECOND, 5.0, seed=seed, rate_hz=250.0)
    assert whole.rows.tobytes() == cut.rows.tobytes()


def test_seeds_tell_readers_apart_and_starts_tell_readings_apart() -> None:
    one, same, other = (stream([], [], 0, 2.0, seed=seed) for seed in (1, 1, 2))
    assert one.rows.tobytes() == same.rows.tobytes()
    assert one.rows.tobytes() != other.rows.tobytes()
    clock = Clock()
    tracker = SimulatedTracker(clock, SCREEN, **STEADY)
    paths: list[NDArray[np.float64]] = []
    for _ in range(2):
        tracker.start()
        clock.now += 2 * SECOND
        paths.append(tracker.drain().rows["left_x"])
    assert len(paths[0]) == len(paths[1]) == 241
    assert not np.allclose(paths[0][120:], paths[1][120:])


def test_samples_come_at_the_exact_rate() -> None:
    clock = Clock()
    tracker = SimulatedTracker(clock, SCREEN, rate_hz=1200.0)
    tracker.start()
    n = 0
    for _ in range(10):
        clock.now += 60 * SECOND
        last = tracker.drain()
        n += len(last)
    assert n == 600 * 1200 + 1
    assert last.rows["host_ns"][-1] == Clock.now + 600 * SECOND


def test_the_eyes_are_on_target_while_they_should_be() -> None:
    rows = stream([], TARGETS, SECOND, 5.0, rate_hz=500.0, **STEADY).rows
    per_deg = SCREEN.px_per_deg()
    for target in TARGETS:
        during = (rows["host_ns"] >= target.onset_ns) & (rows["host_ns"] < target.offset_ns - 80_000_000)
        away_x = (rows["left_x"][during] - target.x) * SCREEN.width_px / per_deg
        away_y = (rows["left_y"][during] - target.y) * SCREEN.height_px / per_deg
        away = np.hypot(away_x, away_y)
        assert away[0] < 0.05, "the eyes arrive at the onset"
        assert np.median(away) < 1.0
        assert away.max() < 3.0


def test_saccades_follow_the_main_sequence() -> None:
    rows = stream([], [], 0, 30.0, rate_hz=1000.0, **STEADY).rows
    place = np.stack([rows["left_x"] * SCREEN.width_px, rows["left_y"] * SCREEN.height_px]) / SCREEN.px_per_deg()
    speed = np.hypot(*np.diff(place)) * 1000.0
    fast = np.diff(np.concatenate([[False], speed > 10.0, [False]]).astype(int))
    onsets, offsets = np.flatnonzero(fast == 1), np.flatnonzero(fast == -1)
    amplitude = np.hypot(*(place[:, offsets] - place[:, onsets]))
    large = amplitude > 3.0
    assert large.sum() > 40
    expected_ms = 21.0 + 2.2 * amplitude[large]
    assert np.abs((offsets - onsets)[large] - expected_ms).max() < 8.0, "all but the slow ends of a saccade are above 10 deg/s"
    assert 300.0 < speed.max() < 900.0
    pauses_ms = np.diff(onsets)
    assert 220 < np.median(pauses_ms) < 400


def test_noise_and_offset_are_as_asked() -> None:
    quiet = stream([], [], 0, 20.0, **STEADY).rows
    noisy = stream([], [], 0, 20.0, **{**STEADY, "noise_deg": 0.3, "offset_deg": 0.5}).rows
    scale = SCREEN.width_px / SCREEN.px_per_deg()
    error = {eye: (noisy[f"{eye}_x"] - quiet[f"{eye}_x"]) * scale for eye in ("left", "right")}
    for values in error.values():
        assert np.std(values) == pytest.approx(0.3, rel=0.1)
    assert abs(np.mean(error["left"])) > 0.01
    assert np.mean(error["left"]) != pytest.approx(np.mean(error["right"]), abs=0.01)
    assert abs(np.corrcoef(error["left"], error["right"])[0, 1]) < 0.1


def test_blinks_take_both_eyes_and_losses_one() -> None:
    minutes = 10
    rows = stream([], [], 0, 60.0 * minutes, rate_hz=100.0, blinks_per_min=12.0, losses_per_min=6.0).rows
    left, right = rows["left_valid"], rows["right_valid"]
    n_blinks = np.count_nonzero(np.diff((~left & ~right).astype(int)) == 1)
    assert n_blinks / minutes == pytest.approx(12.0, rel=0.25)
    assert 0.002 < np.mean(left & ~right) < 0.02
    assert 0.002 < np.mean(right & ~left) < 0.02
    assert np.mean(~left & ~right) == pytest.approx(12 * 0.175 / 60, rel=0.3)
    none = stream([], [], 0, 30.0, blinks_per_min=0.0, losses_per_min=0.0).rows
    assert none["left_valid"].all()
    assert none["right_valid"].all()


def test_pupil_and_distance_are_plausible() -> None:
    rows = stream([], [], 0, 30.0).rows
    seen = rows["left_valid"]
    assert 3.0 < rows["left_pupil_mm"][seen].min() < rows["left_pupil_mm"][seen].max() < 3.8
    assert 640 < rows["left_distance_mm"][seen].min() < rows["left_distance_mm"][seen].max() < 660


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(TrackerError, match="cannot run at 0 Hz"):
        SimulatedTracker(Clock(), SCREEN, rate_hz=0)
    tracker = SimulatedTracker(Clock(), SCREEN)
    tracker.start()
    with pytest.raises(ConfigError, match="ends before it begins"):
        tracker.look_at([GazeTarget(5, 4, 0.5, 0.5)])


def test_drop_outs_leave_gaps_that_are_told() -> None:
    clock = Clock()
    tracker = SimulatedTracker(clock, SCREEN, rate_hz=250.0, seed=6, dropouts_per_min=20.0)
    tracker.start()
    blocks: list[GazeSamples] = []
    for _ in range(60):
        clock.now += SECOND
        blocks.append(tracker.drain())
    times = GazeSamples.join(blocks, "simulated").host_ns
    gaps = np.flatnonzero(np.diff(times) > 50_000_000)
    assert 10 < len(gaps) < 30
    assert (np.diff(times)[gaps] < 1_100_000_000).all()
    events = list(tracker.events())
    lost = [event.host_ns for event in events if event.kind == "connection_lost"]
    assert [event.kind for event in events] == ["connection_lost", "connection_restored"] * (len(events) // 2) + ["connection_lost"] * (
        len(events) % 2
    )
    assert len(lost) == pytest.approx(len(gaps), abs=1)
    assert set(np.diff(times)[np.diff(times) < 50_000_000].tolist()) == {4_000_000}, "elsewhere the stream is whole"
    undisturbed = SimulatedTracker(Clock(), SCREEN, rate_hz=250.0, seed=6)
    assert list(undisturbed.events()) == []


def test_a_drift_grows_with_time() -> None:
    still = stream([], [], 0, 120.0, **STEADY).rows
    drifting = stream([], [], 0, 120.0, **{**STEADY, "drift_deg_per_min": 1.0}).rows
    off = (drifting["left_x"] - still["left_x"]) * SCREEN.width_px / SCREEN.px_per_deg()
    assert off[0] == 0.0
    assert abs(off[-1]) > 0.2
    assert off[len(off) // 2] == pytest.approx(off[-1] / 2, rel=0.01)
