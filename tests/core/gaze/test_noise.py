from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from egma_core.gaze.detectors import ADAPTIVE, TOBII_IVT
from egma_core.gaze.fixations import detect_fixations
from egma_core.gaze.noise import noise_thresholds
from egma_core.gaze.track import Track
from egma_core.gaze.velocity import chord_deg_s, slope_deg_s
from egma_core.gaze.viewport import PlacedGaze
from egma_core.geometry import Screen

SCREEN = Screen(1920, 1080, 530.0, 300.0, 650.0)
PX_PER_DEG = SCREEN.px_per_deg()


def still(rate_hz: float, jitter_deg: float, seconds: float = 20.0, drift_deg_s: float = 0.0, seed: int = 1) -> PlacedGaze:
    """An eye that rests in the screen's middle, or drifts to and fro, with jitter."""
    time = np.arange(0.0, seconds, 1.0 / rate_hz)
    jitter = np.random.default_rng(seed).normal(0.0, jitter_deg, (2, len(time)))
    drift = drift_deg_s / (2.0 * np.pi) * np.sin(2.0 * np.pi * time)
    return PlacedGaze.on_screen(time, 960.0 + (jitter[0] + drift) * PX_PER_DEG, 540.0 + jitter[1] * PX_PER_DEG, SCREEN)


@pytest.mark.parametrize("rate_hz", [60.0, 300.0, 1000.0])
@pytest.mark.parametrize("jitter_deg", [0.02, 0.2])
def test_jitter_is_measured_whatever_else_moves(rate_hz: float, jitter_deg: float) -> None:
    for drift in (0.0, 2.0):
        track = Track.of(still(rate_hz, jitter_deg, drift_deg_s=drift), ADAPTIVE)
        assert noise_thresholds(track, ADAPTIVE)[0].jitter_deg == pytest.approx(jitter_deg, rel=0.06)


def test_bridged_samples_do_not_make_a_recording_quieter() -> None:
    gaze = still(300.0, 0.2)
    gone = np.arange(len(gaze)) % 20 < 10
    lost = PlacedGaze.on_screen(gaze.time_s, np.where(gone, np.nan, gaze.screen_x_px), gaze.screen_y_px, SCREEN)
    assert noise_thresholds(Track.of(lost, ADAPTIVE), ADAPTIVE)[0].jitter_deg == pytest.approx(0.2, rel=0.06)


@pytest.mark.parametrize("rate_hz", [60.0, 120.0, 300.0, 1000.0])
def test_jitter_of_velocity_is_what_the_window_lets_through(rate_hz: float) -> None:
    found, speed = noise_thresholds(Track.of(still(rate_hz, 0.2, 60.0), ADAPTIVE), ADAPTIVE)
    along_one_axis = np.median(speed) / np.sqrt(2.0 * np.log(2.0))
    assert found.jitter_deg_s == pytest.approx(along_one_axis, rel=0.1)
    assert found.drift_deg_s < 0.5 * found.jitter_deg_s


def test_the_window_grows_with_noise_as_far_as_it_may() -> None:
    windows = [noise_thresholds(Track.of(still(300.0, j), ADAPTIVE), ADAPTIVE)[0].window_s for j in (0.02, 0.1, 0.2, 0.5, 2.0)]
    assert windows == sorted(windows) and windows[0] <= 0.0134 and windows[2] > 0.019
    assert windows[-1] == pytest.approx(0.06)
    one = noise_thresholds(Track.of(still(60.0, 0.5), ADAPTIVE), ADAPTIVE)[0]
    assert one.window_s == pytest.approx(2 / 60), "the two neighbours at least, and not four, which pass the longest window"


def test_a_silent_recording_is_read_at_the_floor() -> None:
    found, speed = noise_thresholds(Track.of(still(60.0, 0.0), ADAPTIVE), ADAPTIVE)
    assert (found.saccade_deg_s, found.edge_deg_s) == (20.0, 20.0)
    assert (found.jitter_deg, found.drift_deg_s) == (pytest.approx(0.0, abs=1e-9), pytest.approx(0.0, abs=1e-9)) and speed.max() < 1e-6


def test_a_resting_eye_is_one_fixation_at_any_noise() -> None:
    for rate_hz in (60.0, 120.0, 300.0):
        for jitter in (0.05, 0.2, 0.3):
            assert len(detect_fixations(still(rate_hz, jitter, 5.0), replace(ADAPTIVE, jitter_factor=4.5))) == 1
    assert len(detect_fixations(still(300.0, 0.3, 5.0), TOBII_IVT)) > 3, "the fixed threshold lies within this noise"


@pytest.mark.parametrize("window_s", [0.012, 0.04])
def test_both_velocities_of_a_steady_movement_are_its_own(window_s: float) -> None:
    random = np.random.default_rng(0)
    time = np.sort(random.uniform(0.0, 1.0, 400))
    x = 960.0 + (time - 0.5) * 5.0 * PX_PER_DEG
    track = Track.of(PlacedGaze.on_screen(time, x, np.full(len(time), 540.0), SCREEN), TOBII_IVT)
    for speed in (chord_deg_s(track, window_s), slope_deg_s(track, window_s)):
        assert np.allclose(speed, 5.0, rtol=0.01)


def test_the_slope_is_that_of_the_least_squares_line_within_its_stretch() -> None:
    gaze = still(500.0, 0.1, 2.0)
    gone = (gaze.time_s > 1.0) & (gaze.time_s < 1.2)
    track = Track.of(PlacedGaze.on_screen(gaze.time_s, np.where(gone, np.nan, gaze.screen_x_px), gaze.screen_y_px, SCREEN), TOBII_IVT)
    slope = slope_deg_s(track, 0.012)
    edge = int(np.flatnonzero(~track.joined)[1])
    for k, window in ((100, slice(97, 104)), (1, slice(0, 5)), (edge, slice(edge, edge + 4)), (edge - 1, slice(edge - 4, edge))):
        line = np.polyfit(track.time_s[window] - track.time_s[k], track.direction[window], 1)[0]
        assert slope[k] == pytest.approx(np.degrees(np.linalg.norm(line)), rel=1e-6)


def test_the_slope_lets_less_noise_through_than_the_chord() -> None:
    track = Track.of(still(300.0, 0.2), ADAPTIVE)
    assert np.median(slope_deg_s(track, 0.04)) < 0.7 * np.median(chord_deg_s(track, 0.04))
