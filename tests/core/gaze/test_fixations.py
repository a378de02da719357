from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from egma_core.errors import ConfigError
from egma_core.gaze.detectors import ADAPTIVE, IDT, IVT, TOBII_IVT, Adaptive, Detector
from egma_core.gaze.fixations import detect_fixations
from egma_core.gaze.samples import GazeSamples
from egma_core.gaze.viewport import PlacedGaze, Viewport, gaze_on_image
from egma_core.geometry import Rect, Screen, Transform

SCREEN = Screen(1920, 1080, 530.0, 300.0, 650.0)
PX_PER_DEG = SCREEN.px_per_deg()
TARGETS = np.array([(700.0, 400.0), (1200.0, 500.0), (900.0, 800.0), (1000.0, 300.0)])
LEG_S, SACCADE_S = 0.4, 0.04


def looking(time_s: np.ndarray, noise_deg: float = 0.0, seed: int = 0) -> PlacedGaze:
    """Rests on the targets in turn, with straight saccades of constant speed between them."""
    leg = LEG_S + SACCADE_S
    knots = np.concatenate([[k * leg, k * leg + LEG_S] for k in range(len(TARGETS))])
    points = np.repeat(TARGETS, 2, axis=0)
    noise = np.random.default_rng(seed).normal(0.0, noise_deg * PX_PER_DEG, (2, len(time_s)))
    x, y = (np.interp(time_s, knots, points[:, k]) + noise[k] for k in (0, 1))
    return PlacedGaze.on_screen(time_s, x, y, SCREEN)


def whole(rate_hz: float) -> np.ndarray:
    return np.arange(0.0, len(TARGETS) * (LEG_S + SACCADE_S) - SACCADE_S, 1.0 / rate_hz)


def lost(gaze: PlacedGaze, gone: np.ndarray) -> PlacedGaze:
    x, y = (np.where(gone, np.nan, a) for a in (gaze.screen_x_px, gaze.screen_y_px))
    return PlacedGaze.on_screen(gaze.time_s, x, y, SCREEN)


ALL = [TOBII_IVT, ADAPTIVE, IDT()]


@pytest.mark.parametrize("detector", [TOBII_IVT, ADAPTIVE], ids=["ivt", "adaptive"])
@pytest.mark.parametrize("rate_hz", [60, 120, 250, 300, 500, 1000, 1200])
def test_steps_are_found_at_every_rate(rate_hz: float, detector: Detector) -> None:
    found = detect_fixations(looking(whole(rate_hz), noise_deg=0.02), detector)
    assert len(found) == len(TARGETS)
    assert np.allclose(np.column_stack([found.screen_x_px, found.screen_y_px]), TARGETS, atol=0.2 * PX_PER_DEG)
    slack = 0.011 + 1.5 / rate_hz
    assert np.allclose(found.onset_s, np.arange(len(TARGETS)) * (LEG_S + SACCADE_S), atol=slack)
    assert np.allclose(found.duration_s, LEG_S, atol=2 * slack)
    assert np.isnan(found.x_px).all() and (found.viewport == -1).all()


@pytest.mark.parametrize("rate_hz", [60, 300, 1200])
def test_rests_are_found_by_dispersion_but_begin_and_end_late(rate_hz: float) -> None:
    """A box of 1 degree takes in the first and the last of a saccade, and short pieces of slow ones."""
    found = detect_fixations(looking(whole(rate_hz), noise_deg=0.02), IDT())
    assert len(found) == len(TARGETS)
    assert np.allclose(np.column_stack([found.screen_x_px, found.screen_y_px]), TARGETS, atol=0.3 * PX_PER_DEG)
    assert np.allclose(found.duration_s, LEG_S, atol=0.03 + 2 / rate_hz)


@pytest.mark.parametrize("detector", ALL, ids=["ivt", "adaptive", "idt"])
def test_irregular_times_are_no_trouble(detector: Detector) -> None:
    random = np.random.default_rng(3)
    times = np.sort(random.uniform(0.0, whole(100)[-1], 300))
    times = np.concatenate([times, times[100:103], times[50:52]])
    found = detect_fixations(looking(times), detector)
    assert len(found) == len(TARGETS)
    assert np.all(found.onset_s[1:] >= found.offset_s[:-1])


def test_dispersion_is_the_root_mean_square_distance_in_degrees() -> None:
    time = np.arange(0.0, 2.0, 1 / 120)
    random = np.random.default_rng(0)
    x, y = 960.0 + random.normal(0, 2.0, len(time)), 540.0 + random.normal(0, 2.0, len(time))
    found = detect_fixations(PlacedGaze.on_screen(time, x, y, SCREEN), IVT(threshold_deg_s=1000.0))
    assert len(found) == 1
    rms_px = np.sqrt(np.var(x) + np.var(y))
    assert found.dispersion_deg[0] == pytest.approx(rms_px / PX_PER_DEG, rel=0.02)
    assert found.screen_x_px[0] == pytest.approx(x.mean())


@pytest.mark.parametrize(("gap_s", "n"), [(0.05, 1), (0.07, 1), (0.12, 2), (0.5, 2)])
def test_short_losses_are_bridged_and_long_ones_part_a_fixation(gap_s: float, n: int) -> None:
    time = np.arange(0.0, 2.0, 0.005)
    gaze = PlacedGaze.on_screen(time, np.full(len(time), 700.0), np.full(len(time), 500.0), SCREEN)
    gone = (time > 1.0) & (time < 1.0 + gap_s)
    for gaze_with_loss in (lost(gaze, gone), looking_at(gaze, ~gone)):
        found = detect_fixations(gaze_with_loss, IVT(merge_ms=0.0))
        assert len(found) == n
        assert found.onset_s[0] == 0.0 and found.offset_s[-1] == pytest.approx(time[-1])
        if n == 2:
            assert found.offset_s[0] == pytest.approx(1.0, abs=0.006)
            assert found.onset_s[1] == pytest.approx(1.0 + gap_s, abs=0.006)


def looking_at(gaze: PlacedGaze, kept: np.ndarray) -> PlacedGaze:
    return PlacedGaze.on_screen(gaze.time_s[kept], gaze.screen_x_px[kept], gaze.screen_y_px[kept], SCREEN)


def step(shift_deg: float) -> PlacedGaze:
    """Two rests of 0.5 s, `shift_deg` apart, at 1000 Hz."""
    time = np.arange(1000) / 1000
    x = 700.0 + np.where(time < 0.5, 0.0, shift_deg * PX_PER_DEG)
    return PlacedGaze.on_screen(time, x, np.full(len(time), 500.0), SCREEN)


def test_neighbours_close_in_time_and_angle_are_one_fixation() -> None:
    assert len(detect_fixations(step(0.8))) == 2
    assert len(detect_fixations(step(0.8), IVT(merge_deg=1.0))) == 1
    assert len(detect_fixations(step(0.8), IVT(merge_deg=1.0, merge_ms=10.0))) == 2


def test_fixations_merge_across_a_loss_and_measure_only_their_rests() -> None:
    gaze = step(0.4)
    gone = (gaze.time_s > 0.45) & (gaze.time_s < 0.52)
    apart = IVT(fill_ms=0.0)
    assert len(detect_fixations(lost(gaze, gone), apart)) == 1
    assert len(detect_fixations(lost(gaze, gone), IVT(fill_ms=0.0, merge_ms=60.0))) == 2
    assert len(detect_fixations(lost(step(0.6), gone), apart)) == 2
    merged = detect_fixations(lost(gaze, gone), apart)
    n_before, n_after = 451, 480
    assert merged.screen_x_px[0] == pytest.approx(700.0 + 0.4 * PX_PER_DEG * n_after / (n_before + n_after))
    assert merged.duration_s[0] == pytest.approx(0.999)


def test_short_fixations_are_dropped() -> None:
    time = np.arange(0.0, 1.0, 0.002)
    x = np.select([time < 0.4, time < 0.45], [600.0, 1000.0], 1400.0)
    gaze = PlacedGaze.on_screen(time, x, np.full(len(time), 500.0), SCREEN)
    assert detect_fixations(gaze).screen_x_px.round().tolist() == [600.0, 1400.0]
    assert detect_fixations(gaze, IVT(minimum_ms=20.0)).screen_x_px.round().tolist() == [600.0, 1000.0, 1400.0]


def test_slow_drift_is_rest_and_fast_drift_is_not() -> None:
    time = np.arange(0.0, 1.0, 1 / 120)
    for speed_deg_s, n in ((20.0, 1), (40.0, 0)):
        x = 960.0 + (time - 0.5) * speed_deg_s * PX_PER_DEG
        drift = PlacedGaze.on_screen(time, x, np.full(len(time), 540.0), SCREEN)
        assert len(detect_fixations(drift)) == n


def test_nearer_eyes_move_faster() -> None:
    time = np.arange(0.0, 1.0, 1 / 120)
    x = 960.0 + (time - 0.5) * 24.0 * PX_PER_DEG
    gaze = PlacedGaze.on_screen(time, x, np.full(len(time), 540.0), SCREEN)
    assert len(detect_fixations(gaze)) == 1
    assert len(detect_fixations(replace(gaze, distance_mm=gaze.distance_mm / 2))) == 0


@pytest.mark.parametrize("detector", ALL, ids=["ivt", "adaptive", "idt"])
def test_nothing_seen_is_no_fixation(detector: Detector) -> None:
    nothing = np.zeros(0)
    assert len(detect_fixations(PlacedGaze.on_screen(nothing, nothing, nothing, SCREEN), detector)) == 0
    blind = np.full(50, np.nan)
    assert len(detect_fixations(PlacedGaze.on_screen(np.arange(50) / 100, blind, blind, SCREEN), detector)) == 0
    assert len(detect_fixations(PlacedGaze.on_screen([0.0], [500.0], [500.0], SCREEN), detector)) == 0
    assert len(detect_fixations(PlacedGaze.on_screen([0.0, 0.01], [500.0, 501.0], [500.0, 500.0], SCREEN), detector)) == 0


def test_a_filter_s_nearer_eyes_see_a_wider_box() -> None:
    time = np.arange(0.0, 1.0, 1 / 120)
    x = 960.0 + np.where(np.arange(len(time)) % 2, 0.4, -0.4) * PX_PER_DEG
    gaze = PlacedGaze.on_screen(time, x, np.full(len(time), 540.0), SCREEN)
    assert len(detect_fixations(gaze, IDT())) == 1
    assert len(detect_fixations(replace(gaze, distance_mm=gaze.distance_mm / 2), IDT())) == 0


@pytest.mark.parametrize("reduction", ["median", "mean"])
def test_noise_reduction_mends_what_single_samples_break(reduction: str) -> None:
    time = np.arange(0.0, 2.0, 1 / 120)
    x = np.full(len(time), 960.0)
    x[[60, 120, 180]] += 0.9 * PX_PER_DEG
    gaze = PlacedGaze.on_screen(time, x, np.full(len(time), 540.0), SCREEN)
    broken = IVT(merge_ms=0.0)
    assert len(detect_fixations(gaze, broken)) == 4
    mended = replace(broken, noise_reduction=reduction, noise_samples=3 if reduction == "median" else 9)
    assert len(detect_fixations(gaze, mended)) == 1


def test_an_even_window_and_a_longest_window_shorter_than_the_shortest_are_refused() -> None:
    with pytest.raises(ConfigError, match="no middle"):
        detect_fixations(step(0.5), IVT(noise_reduction="median", noise_samples=4))
    with pytest.raises(ConfigError, match="less than window_ms"):
        Adaptive(window_ms=80.0)


def still_gaze(n: int, x_px: float = 960.0, y_px: float = 540.0) -> GazeSamples:
    samples = GazeSamples.blank(n, "tracker")
    samples.rows["host_ns"] = np.arange(n) * 10_000_000
    for side in ("left", "right"):
        samples.rows[f"{side}_x"], samples.rows[f"{side}_y"] = x_px / SCREEN.width_px, y_px / SCREEN.height_px
        samples.rows[f"{side}_valid"] = True
    return samples


@pytest.mark.parametrize("detector", ALL, ids=["ivt", "adaptive", "idt"])
def test_a_fixation_is_parted_where_the_film_moves_under_the_eye(detector: Detector) -> None:
    whole_screen = Rect(0.0, 0.0, 1920.0, 1080.0)
    log = [
        Viewport(0, "1.2", 1, Transform.scaling("image", "screen", 1.0, 1.0), whole_screen),
        Viewport(500_000_000, "1.2", 1, Transform.scaling("image", "screen", 1.0, 1.0), whole_screen, 40.0, 80.0),
        Viewport(1_000_000_000, "1.2", 1, Transform.scaling("image", "screen", 2.0, 2.0), whole_screen),
        Viewport(1_040_000_000, "1.2", 1, Transform.scaling("image", "screen", 3.0, 3.0), whole_screen),
        Viewport(1_500_000_000, "", 1, Transform.scaling("image", "screen", 3.0, 3.0), whole_screen),
    ]
    found = detect_fixations(gaze_on_image(still_gaze(201), log, SCREEN, started_ns=0), replace(detector, minimum_ms=60.0))
    assert found.viewport.tolist() == [0, 3, -1], "0.04 s at zoom 2 is too short to be a look"
    assert np.allclose(found.x_px, [960.0, 320.0, np.nan], equal_nan=True)
    assert np.allclose(found.y_px, [540.0, 180.0, np.nan], equal_nan=True)
    assert np.allclose(found.px_per_deg, [PX_PER_DEG, PX_PER_DEG / 3, np.nan], equal_nan=True)
    assert np.allclose(found.onset_s, [0.0, 1.035, 1.495])
    assert np.allclose(found.offset_s, [0.995, 1.495, 2.0])
    assert np.allclose(found.dispersion_deg, 0.0, atol=1e-5)


def test_a_fixation_mostly_off_the_film_is_not_placed_on_it() -> None:
    log = [Viewport(0, "1.2", 1, Transform.scaling("image", "screen", 1.0, 1.0), Rect(0.0, 0.0, 960.0, 1080.0))]
    samples = still_gaze(100)
    inside = np.arange(100) < 40
    for side in ("left", "right"):
        samples.rows[f"{side}_x"] = np.where(inside, 959.0, 961.0) / SCREEN.width_px
    for mostly_off, viewport in ((samples, -1), (GazeSamples(samples.rows[:75], "tracker"), 0)):
        found = detect_fixations(gaze_on_image(mostly_off, log, SCREEN, started_ns=0))
        assert found.viewport.tolist() == [viewport]
    assert found.x_px[0] == pytest.approx(959.0)


def test_a_resting_mouse_fixates() -> None:
    samples = GazeSamples.blank(30, "mouse")
    moving = np.linspace(0.0, 0.1, 15)
    samples.rows["host_ns"] = (np.concatenate([moving, 1.5 + moving]) * 1e9).astype(np.int64)
    for side in ("left", "right"):
        samples.rows[f"{side}_x"] = np.concatenate([np.linspace(0.1, 0.5, 15), np.linspace(0.5, 0.9, 15)])
        samples.rows[f"{side}_y"] = 0.5
        samples.rows[f"{side}_valid"] = True
    log = [Viewport(0, "1.2", 1, Transform.scaling("image", "screen", 1.0, 1.0), Rect(0.0, 0.0, 1920.0, 1080.0))]
    found = detect_fixations(gaze_on_image(samples, log, SCREEN, started_ns=0, ended_ns=3_000_000_000))
    assert np.allclose(found.x_px, [960.0, 0.9 * 1920], atol=1.0)
    assert np.allclose(found.duration_s, [1.4, 1.4], atol=0.06)
