from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egma_app.viewer.placement import Placement
from egma_core.geometry import Rect

REGION = Rect(100.0, 50.0, 1300.0, 950.0)

regions = st.builds(
    lambda left, top, width, height, ratio: Rect(left * ratio, top * ratio, (left + width) * ratio, (top + height) * ratio),
    st.integers(0, 3000),
    st.integers(0, 2000),
    st.integers(200, 3000),
    st.integers(200, 2000),
    st.sampled_from([1.0, 1.25, 1.5, 1.75, 2.0]),
)
placements = st.builds(
    Placement,
    center_x_px=st.floats(-500, 5000),
    center_y_px=st.floats(-500, 5000),
    zoom=st.floats(0.02, 32.0),
    quarter_turns=st.integers(0, 3),
    mirrored=st.booleans(),
    stretch_x=st.sampled_from([1.0, 2.0]),
    stretch_y=st.sampled_from([1.0, 1.1, 2.0]),
)


def on_whole_pixels(placement: Placement) -> bool:
    """Whether an image pixel is drawn as a whole number of screen pixels, so that the film is laid on those."""
    sizes = placement.zoom * placement.stretch_x, placement.zoom * placement.stretch_y
    return all(size >= 1 and abs(size - round(size)) < 1e-9 for size in sizes)


@given(placements, regions, st.floats(0, 4000), st.floats(0, 4000))
def test_image_to_screen_and_back(placement: Placement, region: Rect, x: float, y: float) -> None:
    there = placement.image_to_screen(region)
    back = there.inverse().apply(there.apply((x, y)))
    assert np.allclose(back, (x, y), atol=0.01)


@given(placements, regions, st.floats(0.5, 2.0), st.floats(0, 1), st.floats(0, 1))
def test_zooming_keeps_the_point_under_the_pointer(placement: Placement, region: Rect, factor: float, u: float, v: float) -> None:
    x, y = region.left + u * region.width, region.top + v * region.height
    before = placement.image_to_screen(region).inverse().apply((x, y))
    zoomed = placement.zoomed(factor, region, x, y, lowest=0.01)
    after = zoomed.image_to_screen(region).apply(before)
    assert np.allclose(after, (x, y), atol=0.01 + 0.5 * on_whole_pixels(zoomed) + 0.5 * on_whole_pixels(placement) * factor)


@given(placements, regions)
def test_four_turns_and_two_flips_change_nothing(placement: Placement, region: Rect) -> None:
    turned = placement
    for _ in range(4):
        turned = turned.turned(1)
    assert turned == placement
    for across in (True, False):
        assert placement.flipped(across=across).flipped(across=across).image_to_screen(region) == placement.image_to_screen(region)


@given(placements, regions, st.booleans())
def test_flipping_mirrors_what_is_seen(placement: Placement, region: Rect, across: bool) -> None:
    before, after = placement.image_to_screen(region), placement.flipped(across=across).image_to_screen(region)
    sign_x, sign_y = (-1, 1) if across else (1, -1)
    assert (after.xx, after.xy) == (sign_x * before.xx, sign_x * before.xy)
    assert (after.yx, after.yy) == (sign_y * before.yx, sign_y * before.yy)


def test_turning_right_takes_the_top_to_the_right() -> None:
    turned = Placement(50.0, 50.0, 1.0).turned(1).image_to_screen(REGION)
    x, y = turned.apply((50.0, 0.0))
    assert x > 700 and y == 500


@given(st.integers(1, 5000), st.integers(1, 5000), regions, st.integers(0, 3), st.sampled_from([1.0, 2.0]))
def test_fitted_film_fills_the_view_and_stays_inside(columns: int, rows: int, region: Rect, turns: int, stretch: float) -> None:
    fitted = Placement.fitted(columns, rows, region, like=Placement(0, 0, 1, quarter_turns=turns, stretch_y=stretch))
    film = fitted.image_to_screen(region).map_rect(Rect(0, 0, columns, rows))
    slack = min(region.width - film.width, region.height - film.height)
    assert slack == pytest.approx(0, abs=1e-6)
    assert film.left >= region.left - 0.51 and film.bottom <= region.bottom + 0.51


@given(placements, regions, st.floats(-300, 300), st.floats(-300, 300))
def test_moving_pushes_the_film(placement: Placement, region: Rect, dx: float, dy: float) -> None:
    before, after = placement.image_to_screen(region), placement.moved(dx, dy, region).image_to_screen(region)
    slack = 1.01 if on_whole_pixels(placement) else 1e-5
    assert math.isclose(after.dx - before.dx, dx, abs_tol=slack)
    assert math.isclose(after.dy - before.dy, dy, abs_tol=slack)
