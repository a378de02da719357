"""Variation of pictures: film and gaze stay together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egma_core.alignment.patches import PatchGrid
from egma_core.examples.config import DataConfig
from egma_core.examples.transforms import Variation, shifted


@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(0, 15), st.integers(0, 11))
def test_a_mark_on_the_film_and_its_place_on_the_grid_move_together(right: int, down: int, column: int, row: int) -> None:
    film = np.zeros((12, 16), np.uint8)
    film[row, column] = 255
    grid = PatchGrid.fit(12, 16, 16, 4, 4)
    picture = np.zeros((16, 16), np.uint8)
    picture[2:14] = film
    variation = Variation(right, down)
    x, y = variation.grid(grid).image_to_network.apply([column + 0.5, row + 0.5]).tolist()
    varied = variation.picture(picture)
    if 0 <= x < 16 and 0 <= y < 16:
        assert varied[int(y), int(x)] == 1.0
    assert varied.sum() == (1.0 if 0 <= x < 16 and 0 <= y < 16 else 0.0)


def test_shift_fills_with_black() -> None:
    picture = np.arange(1, 10, dtype=np.uint8).reshape(3, 3)
    assert shifted(picture, 1, 0).tolist() == [[0, 1, 2], [0, 4, 5], [0, 7, 8]]
    assert shifted(picture, 0, -1).tolist() == [[4, 5, 6], [7, 8, 9], [0, 0, 0]]
    assert shifted(picture, 3, 0).max() == 0
    assert shifted(picture, 0, 0) is not picture


def test_no_variation_leaves_the_picture_alone() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (8, 8)).astype(np.uint8)
    assert np.array_equal(Variation().picture(picture), picture.astype(np.float32) / np.float32(255))


def test_contrast_keeps_the_mean_and_brightness_scales_it() -> None:
    picture = np.random.default_rng(0).integers(90, 160, (8, 8)).astype(np.uint8)
    plain = Variation().picture(picture)
    assert Variation(contrast=1.2).picture(picture).mean() == pytest.approx(plain.mean(), abs=1e-5)
    assert Variation(contrast=1.2).picture(picture).std() == pytest.approx(1.2 * plain.std(), rel=1e-4)
    assert Variation(brightness=0.8).picture(picture) == pytest.approx(0.8 * plain, rel=1e-5)
    assert Variation(brightness=5.0).picture(picture).max() == 1.0


def test_draws_stay_within_their_bounds_and_reach_them() -> None:
    random = np.random.default_rng(0)
    drawn = [Variation.draw(random, DataConfig(shift=0.07, brightness=0.2), 112) for _ in range(500)]
    assert {v.right_px for v in drawn} == set(range(-7, 8))
    assert {v.down_px for v in drawn} == set(range(-7, 8))
    assert min(v.brightness for v in drawn) >= 0.8
    assert max(v.contrast for v in drawn) <= 1.2
    assert Variation.draw(random, DataConfig(shift=0.0, brightness=0.0), 112) == Variation()
