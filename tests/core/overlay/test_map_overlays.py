from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egma_core.errors import ConfigError
from egma_core.overlay.colours import ORANGE, SKY_BLUE, colour_table
from egma_core.overlay.contours import contours_rgba
from egma_core.overlay.maps import heat_map_rgba, similarity_range, similarity_rgba


def hill(rows: int = 121, columns: int = 161, sigma: float = 25.0) -> np.ndarray:
    """A Gaussian hill of height 1 on the pixel in the middle."""
    y, x = np.mgrid[:rows, :columns]
    return np.exp(-((x - columns // 2) ** 2 + (y - rows // 2) ** 2) / (2 * sigma**2)).astype(np.float32)


def test_a_heat_map_takes_its_colours_from_the_map_and_fades_with_the_gaze() -> None:
    picture = heat_map_rgba(np.array([[0.0, 0.05, 0.2, 1.0, np.nan, 1.7]]), opacity=0.6)
    assert picture.shape == (1, 6, 4) and picture.dtype == np.uint8
    alpha = picture[0, :, 3].tolist()
    assert alpha[0] == 0 and alpha[4] == 0
    assert 0 < alpha[1] < alpha[2] < alpha[3] == round(0.6 * 255) == alpha[5]
    assert picture[0, 3, :3].tolist() == colour_table("inferno")[255].tolist()
    assert picture[0, 2, :3].tolist() == colour_table("inferno")[51].tolist()


def test_a_similarity_map_spans_its_own_range_unless_told() -> None:
    values = np.array([[-0.2, 0.1, 0.4, np.nan]], dtype=np.float32)
    assert similarity_range(values) == (pytest.approx(-0.2), pytest.approx(0.4))
    table = colour_table("viridis")
    own = similarity_rgba(values)
    assert own[0, 0, :3].tolist() == table[0].tolist() and own[0, 2, :3].tolist() == table[255].tolist()
    assert own[0, 1, :3].tolist() in (table[127].tolist(), table[128].tolist())
    assert own[0, 3, 3] == 0 and own[0, 0, 3] > 0
    fixed = similarity_rgba(values, low=0.0, high=1.0)
    assert fixed[0, 0, :3].tolist() == table[0].tolist() and fixed[0, 2, :3].tolist() == table[102].tolist()


def test_a_flat_or_unseen_map_is_no_trouble() -> None:
    assert np.ptp(similarity_rgba(np.full((3, 4), 0.3)).reshape(-1, 4), axis=0).tolist() == [0, 0, 0, 0]
    assert similarity_rgba(np.full((3, 4), np.nan))[..., 3].max() == 0
    assert similarity_range(np.full((2, 2), np.nan)) == (0.0, 0.0)
    assert heat_map_rgba(np.zeros((3, 4)))[..., 3].max() == 0


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0.0, 1.0))
def test_any_range_and_opacity_gives_a_picture(low: float, high: float, opacity: float) -> None:
    values = np.array([[low, high, (low + high) / 2, np.inf, -np.inf, np.nan]])
    picture = similarity_rgba(values, opacity=opacity, low=low, high=high)
    assert picture.shape == (1, 6, 4)
    assert picture[..., 3].max() <= round(opacity * 255)


def test_an_unknown_colour_map_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="nonesuch"):
        heat_map_rgba(np.zeros((2, 2)), colour_map="nonesuch")


@pytest.mark.parametrize("level", [0.3, 0.5, 0.8])
def test_a_contour_lies_where_the_map_has_its_level(level: float) -> None:
    picture = contours_rgba(hill(), [level], ORANGE, width_px=2.0)
    rows, columns = np.nonzero((picture[..., 3] > 200) & (picture[..., 0] > 150))
    radius = np.hypot(columns - 80, rows - 60)
    expected = 25.0 * np.sqrt(-2 * np.log(level))
    assert len(radius) > 2 * np.pi * expected
    assert np.abs(radius - expected).max() < 1.6
    angles = np.floor(np.degrees(np.arctan2(rows - 60, columns - 80)) / 10) % 36
    assert len(np.unique(angles)) == 36, "the line is closed"


def test_higher_levels_are_thicker_and_every_line_has_a_dark_rim() -> None:
    picture = contours_rgba(hill(301, 301, 60.0), [0.2, 0.9], SKY_BLUE, width_px=6.0)
    row = picture[150, 151:]
    line = (row[:, 3] > 250) & (row[:, 2] > 200)
    low = 60.0 * np.sqrt(-2 * np.log(0.2))
    inner, outer = line[: int(low) - 10].sum(), line[int(low) - 10 :].sum()
    assert inner > outer >= 2
    rim = (row[:, 3] > 100) & (row[:, :3].max(axis=1) < 60)
    assert rim[: int(low) - 10].any() and rim[int(low) - 10 :].any()


def test_contours_leave_flat_unseen_and_tiny_maps_alone() -> None:
    assert contours_rgba(np.full((20, 20), 0.5), [0.5])[..., 3].max() == 0
    assert contours_rgba(np.full((20, 20), np.nan))[..., 3].max() == 0
    assert contours_rgba(np.ones((1, 5))).shape == (1, 5, 4)
    half_seen = hill()
    half_seen[:, :80] = np.nan
    drawn = contours_rgba(half_seen)[..., 3]
    assert drawn[:, :80].max() == 0 and drawn[:, 80:].max() > 200
