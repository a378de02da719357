"""Variation of pictures: film and gaze stay together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from egma_core.alignment.patches import PackedMaps, PatchGrid, pool_many
from egma_core.examples.config import DataConfig
from egma_core.examples.transforms import Variation, cropped, mean_tone, shifted
from egma_core.model.preprocess import square_picture

SHAPES = [(64, 64), (90, 64), (61, 96), (200, 130), (75, 301)]
"""(rows, columns) of films: square, upright, wide, larger than the network picture, and with half a pixel of padding."""

variations = st.builds(
    Variation,
    right_px=st.integers(-12, 12),
    down_px=st.integers(-12, 12),
    scale=st.one_of(st.just(1.0), st.floats(0.6, 1.6)),
    mirrored=st.booleans(),
)


def spot(rows: int, columns: int, x: float, y: float, sigma: float) -> np.ndarray:
    """A black film with a bright Gaussian spot."""
    down, across = np.arange(rows)[:, None] + 0.5 - y, np.arange(columns) + 0.5 - x
    return np.rint(255 * np.exp(-0.5 * (down**2 + across**2) / sigma**2)).astype(np.uint8)


@settings(deadline=None, max_examples=200)
@given(
    variations,
    st.sampled_from(SHAPES),
    st.sampled_from([(64, 4, 4), (64, 8, 8), (96, 6, 12), (128, 32, 32)]),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
)
def test_a_hot_spot_of_the_film_and_its_gaze_stay_in_one_patch(
    variation: Variation, shape: tuple[int, int], sizes: tuple[int, int, int], along: float, down: float
) -> None:
    """Through padding, resizing, cropping, shifting and mirroring; and from the patch back to the film within half a cell."""
    (rows, columns), (size_px, grid_rows, grid_columns) = shape, sizes
    sigma = 2.0 * max(shape) / size_px
    x, y = (min(max(share * length, 3 * sigma), length - 3 * sigma) for share, length in ((along, columns), (down, rows)))
    grid = variation.grid(PatchGrid.fit(rows, columns, size_px, grid_rows, grid_columns))
    moved = variation.moved(square_picture(spot(rows, columns, x, y, sigma), size_px))
    place = grid.image_to_network.apply([x, y])
    assume(bool(((place > 8) & (place < size_px - 8)).all()))

    weight = moved.astype(float)
    seen = np.array([(weight.sum(0) * (np.arange(size_px) + 0.5)).sum(), (weight.sum(1) * (np.arange(size_px) + 0.5)).sum()]) / weight.sum()
    assert seen == pytest.approx(place, abs=0.25), "the spot is where the transform says"

    gaze = PackedMaps(np.array([[x, y, sigma / 10, 1.0, 0.0, 0.0, columns, rows]]), np.array([1]))
    cell = int(pool_many(gaze, [grid])[0].argmax())
    cell_size = np.array([size_px / grid_columns, size_px / grid_rows])
    centre = (np.array([cell % grid_columns, cell // grid_columns]) + 0.5) * cell_size
    assert (abs(seen - centre) <= cell_size / 2 + 0.25).all(), "the gaze's patch holds the spot"
    back = grid.image_to_patch().inverse().apply(centre / cell_size)
    half_cell = cell_size / 2 / grid.image_to_network.scale
    assert (abs(back - (x, y)) <= half_cell * 1.001 + 1e-6).all(), "the patch leads back to the spot within half a cell"


@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(0, 15), st.integers(0, 11), st.booleans())
def test_a_mark_on_the_film_moves_by_whole_pixels_without_loss(right: int, down: int, column: int, row: int, mirrored: bool) -> None:
    picture = np.zeros((16, 16), np.uint8)
    picture[2 + row, column] = 255
    variation = Variation(right, down, mirrored=mirrored)
    x, y = variation.grid(PatchGrid.fit(12, 16, 16, 4, 4)).image_to_network.apply([column + 0.5, row + 0.5]).tolist()
    varied = variation.moved(picture)
    inside = 0 <= x < 16 and 0 <= y < 16
    assert int(varied.sum()) == (255 if inside else 0)
    if inside:
        assert varied[int(y), int(x)] == 255


def test_shift_fills_with_black() -> None:
    picture = np.arange(1, 10, dtype=np.uint8).reshape(3, 3)
    assert shifted(picture, 1, 0).tolist() == [[0, 1, 2], [0, 4, 5], [0, 7, 8]]
    assert shifted(picture, 0, -1).tolist() == [[4, 5, 6], [7, 8, 9], [0, 0, 0]]
    assert shifted(picture, 3, 0).max() == 0
    assert shifted(picture, 0, 0) is not picture


def test_a_crop_of_everything_is_the_picture_and_one_of_more_is_framed_in_black() -> None:
    picture = np.full((8, 8), 200, np.uint8)
    assert np.array_equal(cropped(picture, 0.0, 0.0, 8.0), picture)
    smaller = cropped(picture, -4.0, -4.0, 16.0)
    assert smaller[3:5, 3:5].min() == 200
    assert smaller[[0, -1]].max() == smaller[:, [0, -1]].max() == 0
    assert cropped(picture, 9.0, 0.0, 4.0).max() == 0


def test_no_variation_leaves_the_picture_alone() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (8, 8)).astype(np.uint8)
    assert np.array_equal(Variation().moved(picture), picture)
    assert np.array_equal(Variation().tones(0.3), np.arange(256, dtype=np.float32) / np.float32(255))


def test_contrast_keeps_the_mean_and_brightness_scales_it() -> None:
    picture = np.random.default_rng(0).integers(90, 160, (8, 8)).astype(np.uint8)
    mean = mean_tone(picture)
    plain = Variation().tones(mean)[picture]
    assert plain.mean() == pytest.approx(mean, rel=1e-6)
    assert Variation(contrast=1.2).tones(mean)[picture].mean() == pytest.approx(mean, abs=1e-5)
    assert Variation(contrast=1.2).tones(mean)[picture].std() == pytest.approx(1.2 * plain.std(), rel=1e-4)
    assert Variation(brightness=0.8).tones(mean)[picture] == pytest.approx(0.8 * plain, rel=1e-5)
    assert Variation(brightness=5.0).tones(mean)[picture].max() == 1.0
    assert Variation(contrast=1.2, brightness=1.1).tones(mean).dtype == np.float32


def test_the_mean_of_a_large_white_picture_does_not_overflow() -> None:
    assert mean_tone(np.full((2048, 2048), 255, np.uint8)) == 1.0


def test_draws_stay_within_their_bounds_and_reach_them() -> None:
    random = np.random.default_rng(0)
    config = DataConfig(shift=0.07, brightness=0.2, scale=0.1, flip=0.5)
    drawn = [Variation.draw(random, config, 112) for _ in range(500)]
    assert {v.right_px for v in drawn} == set(range(-7, 8))
    assert {v.down_px for v in drawn} == set(range(-7, 8))
    assert 0.8 <= min(v.brightness for v in drawn) < 0.81
    assert 1.19 < max(v.contrast for v in drawn) <= 1.2
    assert 0.9 <= min(v.scale for v in drawn) < 0.905
    assert 1.095 < max(v.scale for v in drawn) <= 1.1
    assert 200 < sum(v.mirrored for v in drawn) < 300
    assert Variation.draw(random, DataConfig(shift=0.0, brightness=0.0), 112) == Variation()


def test_nothing_is_mirrored_or_resized_unless_asked_for() -> None:
    random = np.random.default_rng(0)
    drawn = [Variation.draw(random, DataConfig(), 112) for _ in range(200)]
    assert not any(v.mirrored for v in drawn)
    assert {v.scale for v in drawn} == {1.0}
