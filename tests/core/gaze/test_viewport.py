from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egma_core.gaze.samples import GazeOrigin, GazeSamples
from egma_core.gaze.viewport import POINTER_GRID_HZ, Viewport, gaze_on_image
from egma_core.geometry import Rect, Screen, Transform

SCREEN = Screen(1920, 1080, 530.0, 300.0, 650.0)
WHOLE = Rect(0.0, 0.0, 1920.0, 1080.0)
STARTED = 5_000_000_000


def samples_at(screen_points: np.ndarray, host_ns: np.ndarray, origin: GazeOrigin = "tracker") -> GazeSamples:
    samples = GazeSamples.blank(len(host_ns), origin)
    samples.rows["host_ns"] = host_ns
    for side in ("left", "right"):
        samples.rows[f"{side}_x"] = screen_points[:, 0] / SCREEN.width_px
        samples.rows[f"{side}_y"] = screen_points[:, 1] / SCREEN.height_px
        samples.rows[f"{side}_valid"] = True
    return samples


def placement(quarter_turns: int, flip: bool, zoom: float, dx: float, dy: float) -> Transform:
    cosine, sine = (1, 0, -1, 0)[quarter_turns], (0, 1, 0, -1)[quarter_turns]
    mirror = -1.0 if flip else 1.0
    return Transform("image", "screen", zoom * cosine * mirror, -zoom * sine, zoom * sine * mirror, zoom * cosine, dx, dy)


placements = st.builds(
    placement,
    st.integers(0, 3),
    st.booleans(),
    st.floats(0.05, 20.0),
    st.floats(-3000.0, 3000.0),
    st.floats(-3000.0, 3000.0),
)


@settings(deadline=None)
@given(placements, placements, st.integers(0, 2**32 - 1))
def test_image_points_come_back_through_any_placement_and_a_change_in_the_middle(first: Transform, second: Transform, seed: int) -> None:
    rows, columns, n = 2500, 2048, 40
    points = np.random.default_rng(seed).uniform((0, 0), (columns, rows), (n, 2))
    host_ns = STARTED + np.arange(n) * 8_000_000
    change = int(host_ns[n // 2])
    screen = np.where((host_ns < change)[:, None], first.apply(points), second.apply(points))
    everywhere = Rect(-1e6, -1e6, 1e6, 1e6)
    log = [Viewport(STARTED, "1.2", 1, first, everywhere), Viewport(change, "1.2", 1, second, everywhere)]
    gaze = gaze_on_image(samples_at(screen, host_ns), log, SCREEN, started_ns=STARTED)
    assert np.allclose(np.column_stack([gaze.x_px, gaze.y_px]), points, atol=1e-6)
    expected = np.array([0] * (n // 2) + [int(first != second)] * (n - n // 2))
    assert np.array_equal(gaze.viewport, expected)
    zoom = np.where(host_ns < change, first.scale, second.scale)
    assert np.allclose(gaze.px_per_deg * zoom, SCREEN.px_per_deg())
    assert np.allclose(gaze.time_s, np.arange(n) * 0.008)


def test_gaze_off_the_film_outside_its_region_or_before_the_log_has_no_place() -> None:
    fit = Transform.scaling("image", "screen", 0.5, 0.5, 100.0, 50.0)
    log = [Viewport(STARTED, "1.2", 1, fit, Rect(0, 0, 900, 1080)), Viewport(STARTED + 60, "", 1, fit, WHOLE)]
    screen = np.array([(200, 200), (200, 200), (99, 200), (700, 200), (200, 200), (1000, 200), (200, 200)], dtype=float)
    host_ns = STARTED + np.array([-1, 0, 10, 20, 30, 40, 60])
    gaze = gaze_on_image(samples_at(screen, host_ns), log, SCREEN, started_ns=STARTED, image_shapes={"1.2": (2000, 1200)})
    on_film = [False, True, False, False, True, False, False]
    assert np.array_equal(np.isfinite(gaze.x_px), on_film)
    assert np.array_equal(np.isfinite(gaze.y_px), on_film)
    assert gaze.x_px[1] == pytest.approx(200.0) and gaze.y_px[1] == pytest.approx(300.0)
    assert gaze.viewport.tolist() == [-1, 0, 0, 0, 0, 0, -1]
    assert gaze.valid.all()
    assert np.allclose(gaze.screen_x_px, screen[:, 0])
    assert np.isnan(gaze.px_per_deg[[0, -1]]).all()


def test_an_empty_log_places_nothing_and_no_samples_are_no_trouble() -> None:
    gaze = gaze_on_image(samples_at(np.full((3, 2), 500.0), STARTED + np.arange(3)), [], SCREEN, started_ns=STARTED)
    assert np.isnan(gaze.x_px).all() and (gaze.viewport == -1).all() and gaze.valid.all()
    assert len(gaze_on_image(GazeSamples.blank(0, "mouse"), [], SCREEN, started_ns=0)) == 0


def test_a_change_of_the_grey_scale_alone_is_no_change_of_place() -> None:
    fit = Transform.scaling("image", "screen", 0.5, 0.5)
    moved = Transform.scaling("image", "screen", 0.5, 0.5, 1.0)
    log = [
        Viewport(STARTED, "1.2", 1, fit, WHOLE, 100.0, 200.0),
        Viewport(STARTED + 10, "1.2", 1, fit, WHOLE, 120.0, 200.0),
        Viewport(STARTED + 20, "1.2", 1, moved, WHOLE, 120.0, 200.0),
        Viewport(STARTED + 30, "1.2", 1, fit, WHOLE, 120.0, 200.0),
    ]
    gaze = gaze_on_image(samples_at(np.full((4, 2), 500.0), STARTED + np.arange(4) * 10), log, SCREEN, started_ns=STARTED)
    assert gaze.viewport.tolist() == [0, 0, 2, 3]


def test_each_choice_of_eye_takes_what_is_valid() -> None:
    samples = samples_at(np.full((4, 2), 0.0), STARTED + np.arange(4))
    samples.rows["left_x"], samples.rows["right_x"] = 0.2, 0.4
    samples.rows["left_distance_mm"], samples.rows["right_distance_mm"] = 600.0, 700.0
    samples.rows["left_valid"] = [True, True, False, False]
    samples.rows["right_valid"] = [True, False, True, False]
    expected = {"average": [0.3, 0.2, 0.4, np.nan], "left": [0.2, 0.2, np.nan, np.nan], "right": [0.4, np.nan, 0.4, np.nan]}
    for eye, x in expected.items():
        gaze = gaze_on_image(samples, [], SCREEN, started_ns=STARTED, eye=eye)
        assert np.allclose(gaze.screen_x_px / SCREEN.width_px, x, equal_nan=True)
        assert np.array_equal(gaze.valid, np.isfinite(x))
    average = gaze_on_image(samples, [], SCREEN, started_ns=STARTED)
    assert average.distance_mm.tolist() == [650.0, 600.0, 700.0, SCREEN.distance_mm]


def test_a_valid_eye_without_coordinates_counts_as_lost() -> None:
    samples = samples_at(np.full((1, 2), 960.0), np.array([STARTED]))
    samples.rows["left_y"] = np.nan
    gaze = gaze_on_image(samples, [], SCREEN, started_ns=STARTED)
    assert gaze.screen_x_px[0] == pytest.approx(960.0)
    assert not gaze_on_image(samples, [], SCREEN, started_ns=STARTED, eye="left").valid[0]


def test_nearer_eyes_see_fewer_pixels_in_a_degree() -> None:
    samples = samples_at(np.full((2, 2), 500.0), STARTED + np.arange(2))
    samples.rows["left_distance_mm"] = samples.rows["right_distance_mm"] = [500.0, np.nan]
    log = [Viewport(STARTED, "1.2", 1, Transform.scaling("image", "screen", 0.25, 0.25), WHOLE)]
    gaze = gaze_on_image(samples, log, SCREEN, started_ns=STARTED)
    mm = 2 * 500.0 * math.tan(math.radians(0.5))
    assert gaze.px_per_deg[0] == pytest.approx(mm * math.sqrt(1920 / 530 * 1080 / 300) / 0.25)
    assert gaze.px_per_deg[1] == pytest.approx(gaze.px_per_deg[0] * 650 / 500)


def test_a_resting_mouse_is_held_and_follows_the_film_that_moves_under_it() -> None:
    host_ns = STARTED + np.array([0, 10_000_000, 1_000_000_000])
    samples = samples_at(np.array([(100.0, 100.0), (400.0, 300.0), (800.0, 600.0)]), host_ns, "mouse")
    fit, moved = Transform.scaling("image", "screen", 1.0, 1.0), Transform.scaling("image", "screen", 1.0, 1.0, 50.0)
    log = [Viewport(STARTED, "1.2", 1, fit, WHOLE), Viewport(STARTED + 500_000_000, "1.2", 1, moved, WHOLE)]
    gaze = gaze_on_image(samples, log, SCREEN, started_ns=STARTED, ended_ns=STARTED + 2_000_000_000)
    assert np.allclose(np.diff(gaze.time_s), 1 / POINTER_GRID_HZ, atol=1e-8)
    assert gaze.time_s[0] == 0.0 and gaze.time_s[-1] == pytest.approx(2.0, abs=0.017)
    assert np.allclose(gaze.x_px[(gaze.time_s > 0.01) & (gaze.time_s < 0.5)], 400.0)
    assert np.allclose(gaze.x_px[(gaze.time_s > 0.5) & (gaze.time_s < 1.0)], 350.0)
    assert np.allclose(gaze.x_px[gaze.time_s > 1.0], 750.0)
    assert np.array_equal(samples.host_ns, host_ns), "raw samples must stay as they were"


def test_a_mouse_that_left_is_not_held() -> None:
    samples = samples_at(np.full((2, 2), 400.0), STARTED + np.array([0, 500_000_000]), "mouse")
    samples.rows["left_valid"][1] = samples.rows["right_valid"][1] = False
    gaze = gaze_on_image(samples, [], SCREEN, started_ns=STARTED, ended_ns=STARTED + 1_000_000_000)
    assert np.array_equal(gaze.valid, gaze.time_s < 0.5)
