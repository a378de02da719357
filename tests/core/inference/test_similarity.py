"""Similarity maps on the film: hot cells land where they belong, and what was not seen is NaN."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egma_core.alignment.patches import PatchGrid
from egma_core.errors import FrameMismatchError
from egma_core.geometry import Transform
from egma_core.inference.prediction import SimilarityMap
from egma_core.inference.similarity import on_image


def make(cosine: np.ndarray, image_shape: tuple[int, int], size_px: int = 112) -> SimilarityMap:
    grid = PatchGrid.fit(*image_shape, size_px, *cosine.shape)
    return SimilarityMap("a sentence", cosine.astype(np.float32), grid, image_shape)


@settings(max_examples=80, deadline=None)
@given(
    rows=st.integers(30, 260),
    columns=st.integers(30, 260),
    cells=st.sampled_from([4, 7, 14]),
    size_px=st.sampled_from([112, 224]),
    x=st.floats(0, 0.999),
    y=st.floats(0, 0.999),
)
def test_a_hot_cell_lands_within_half_a_cell(rows: int, columns: int, cells: int, size_px: int, x: float, y: float) -> None:
    grid = PatchGrid.fit(rows, columns, size_px, cells, cells)
    seen_px = [int(x * columns) + 0.5, int(y * rows) + 0.5]
    column, row = grid.image_to_patch().apply(seen_px).astype(int)
    cosine = np.zeros((cells, cells))
    cosine[row, column] = 1.0
    spread = on_image(make(cosine, (rows, columns), size_px))
    hottest = np.unravel_index(int(np.argmax(spread)), spread.shape)
    landed = grid.image_to_patch().apply([hottest[1] + 0.5, hottest[0] + 0.5])
    wanted = np.array([column, row]) + 0.5
    assert (np.abs(landed - wanted) <= 0.5 + 1e-9).all()


@pytest.mark.parametrize("image_shape", [(300, 200), (200, 300), (201, 143), (64, 64)])
def test_cell_centres_keep_their_values(image_shape: tuple[int, int]) -> None:
    cosine = np.random.default_rng(0).uniform(-1, 1, (4, 4))
    similarity = make(cosine, image_shape, 64)
    spread = on_image(similarity)
    assert spread.shape == image_shape
    assert spread.dtype == np.float32
    back = similarity.grid.image_to_patch().inverse()
    for row in range(4):
        for column in range(4):
            x, y = back.apply([column + 0.5, row + 0.5])
            if 1 <= x < image_shape[1] - 1 and 1 <= y < image_shape[0] - 1:
                near = spread[int(y - 0.5) : int(y - 0.5) + 2, int(x - 0.5) : int(x - 0.5) + 2]
                assert near.min() - 0.1 <= cosine[row, column] <= near.max() + 0.1


def test_it_is_linear_between_centres() -> None:
    across = np.tile(np.arange(7.0), (7, 1))
    spread = on_image(make(across, (70, 70), 70))
    x = np.arange(70) + 0.5
    np.testing.assert_allclose(spread, np.tile(np.clip(x / 10 - 0.5, 0, 6), (70, 1)), atol=1e-5)


def test_a_corner_is_neither_flipped_nor_transposed() -> None:
    cosine = np.zeros((7, 7))
    cosine[0, 6] = 1.0
    spread = on_image(make(cosine, (100, 100)))
    assert spread[2, 97] == 1.0
    assert spread[97, 2] == spread[2, 2] == spread[97, 97] == 0.0


def test_all_of_a_padded_film_was_seen() -> None:
    assert np.isfinite(on_image(make(np.ones((7, 7)), (301, 77)))).all()


def test_a_lattice_samples_the_same_map() -> None:
    cosine = np.random.default_rng(0).uniform(-1, 1, (7, 7))
    similarity = make(cosine, (300, 200))
    np.testing.assert_allclose(on_image(similarity, (300, 200)), on_image(similarity), atol=1e-6)
    coarse = on_image(similarity, (60, 40))
    np.testing.assert_allclose(coarse, on_image(similarity)[2::5, 2::5], atol=1e-5)


def test_what_was_shifted_out_of_the_picture_is_nan() -> None:
    similarity = make(np.ones((7, 7)), (112, 112))
    shift = Transform.scaling("network", "network", 1.0, 1.0, 16.0, -32.0)
    shifted = replace(similarity, grid=replace(similarity.grid, image_to_network=similarity.grid.image_to_network.then(shift)))
    spread = on_image(shifted)
    assert np.isnan(spread[:32]).all()
    assert np.isnan(spread[:, 96:]).all()
    assert np.isfinite(spread[32:, :96]).all()


def test_a_turned_film_is_refused() -> None:
    similarity = make(np.ones((7, 7)), (112, 112))
    turned = replace(similarity.grid, image_to_network=Transform("image", "network", 0.0, 1.0, -1.0, 0.0, 0.0, 112.0))
    with pytest.raises(FrameMismatchError):
        on_image(replace(similarity, grid=turned))
