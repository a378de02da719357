from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egma_core.alignment.maps import SentenceGazeMap, density
from egma_core.alignment.patches import PackedMaps, PatchGrid, pool, pool_many
from egma_core.errors import FrameMismatchError
from egma_core.geometry import Transform
from egma_core.speech.sentences import Sentence

ROWS, COLUMNS = 320, 256


def random_map(seed: int, n: int = 5) -> SentenceGazeMap:
    random = np.random.default_rng(seed)
    x, y = random.uniform(0, COLUMNS, n), random.uniform(0, ROWS, n)
    sigma, weight = random.uniform(3.0, 60.0, n), random.uniform(0.01, 1.0, n)
    corners = np.sort(random.integers(0, 33, (n, 2, 2)) * (COLUMNS // 32, ROWS // 32), axis=1)
    sentence = Sentence("Clear.", 0.0, 1.0, "typed")
    return SentenceGazeMap(sentence, "1.2", (0.0, 1.0), "span", np.arange(n), x, y, sigma, weight, corners.reshape(n, 4).astype(float))


def summed(looked: SentenceGazeMap, grid: PatchGrid) -> np.ndarray:
    """The grid's cells as sums over a pixel-fine rendering; each pixel belongs to the cell that holds its centre."""
    fine = density(looked, (ROWS, COLUMNS)).astype(float)
    centres = np.stack(np.meshgrid(np.arange(COLUMNS) + 0.5, np.arange(ROWS) + 0.5), axis=-1)
    cell = np.floor(grid.image_to_patch().apply(centres)).astype(int)
    inside = ((cell >= 0) & (cell < (grid.columns, grid.rows))).all(axis=-1)
    flat = cell[..., 1] * grid.columns + cell[..., 0]
    sums = np.bincount(flat[inside], weights=fine[inside], minlength=grid.rows * grid.columns)
    return sums / sums.max() if sums.max() > 0 else sums


@settings(deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.booleans(), st.sampled_from([8, 16]), st.integers(-2, 2), st.integers(-2, 2))
def test_pooling_equals_summing_a_fine_rendering(seed: int, flip_x: bool, flip_y: bool, size: int, dx: int, dy: int) -> None:
    # Cells of whole pixels: 320 = 16 cells of 20, 8 of 40; shifts by whole pixels keep the edges on pixel borders.
    cell = 320 // size
    fit = PatchGrid.fit(ROWS, COLUMNS, 4 * size, size, size).image_to_network
    sx, sy = (-1.0 if flip_x else 1.0), (-1.0 if flip_y else 1.0)
    augment = Transform.scaling(
        "network", "network", sx, sy, (4 * size if flip_x else 0) + 4 / cell * dx, (4 * size if flip_y else 0) + 4 / cell * dy
    )
    grid = PatchGrid(size, size, 4 * size, fit.then(augment))
    looked = random_map(seed)
    pooled = pool(looked, grid)
    expected = summed(looked, grid)
    assert pooled.shape == (size * size,)
    if pooled.any():
        assert pooled.max() == 1.0 and pooled.min() >= 0.0
        assert np.allclose(pooled, expected, atol=2e-4)


def test_a_batch_pools_like_its_maps_one_by_one() -> None:
    maps = [random_map(seed, n=seed % 4) for seed in range(9)]
    grids = [shifted(dx) for dx in np.linspace(-15, 15, 9)]
    together = pool_many(PackedMaps.of(maps), grids)
    assert together.shape == (9, 49)
    for row, looked, grid in zip(together, maps, grids, strict=True):
        assert np.array_equal(row, pool(looked, grid))
    assert not together[0].any(), "a sentence without gaze"
    joined = PackedMaps.join([PackedMaps.of(maps[:4]), PackedMaps.of([]), PackedMaps.of(maps[4:])])
    assert np.array_equal(pool_many(joined, grids), together)


def shifted(dx: float, dy: float = 0.0) -> PatchGrid:
    fit = PatchGrid.fit(ROWS, COLUMNS, 224, 7, 7)
    return PatchGrid(7, 7, 224, fit.image_to_network.then(Transform.scaling("network", "network", 1.0, 1.0, dx, dy)))


def test_a_shift_by_one_cell_moves_the_map_by_one_cell() -> None:
    looked = random_map(4)
    still, moved = (pool(looked, shifted(dx)).reshape(7, 7) for dx in (0.0, 32.0))
    assert still.max() == 1.0
    ratio = moved[:, 1:][still[:, :-1] > 1e-6] / still[:, :-1][still[:, :-1] > 1e-6]
    assert np.ptp(ratio) < 1e-6 * ratio.max()
    assert not moved[:, 0].any(), "the padding beside the film was never looked at"


def test_gaze_moved_out_of_the_picture_is_no_gaze() -> None:
    looked = random_map(4)
    assert pool(looked, shifted(0.0)).max() == 1.0
    assert not pool(looked, shifted(0.0, 400.0)).any()


def test_an_empty_batch() -> None:
    assert pool_many(PackedMaps.of([]), []).shape == (0, 0)


def test_only_upright_grids_of_one_shape_are_pooled() -> None:
    turned = PatchGrid(7, 7, 224, Transform("image", "network", 0.0, 0.7, 0.7, 0.0, 0.0, 0.0))
    with pytest.raises(FrameMismatchError, match="turned"):
        pool(random_map(0), turned)
    maps = PackedMaps.of([random_map(0), random_map(1)])
    with pytest.raises(FrameMismatchError, match="2 gaze maps"):
        pool_many(maps, [shifted(0.0)])
    with pytest.raises(FrameMismatchError, match="one shape"):
        pool_many(maps, [shifted(0.0), PatchGrid.fit(ROWS, COLUMNS, 224, 14, 14)])


def test_a_batch_of_140_maps_takes_under_ten_milliseconds() -> None:
    maps = PackedMaps.of([random_map(seed, n=8) for seed in range(140)])
    random = np.random.default_rng(0)
    grids = [shifted(*random.uniform(-15, 15, 2)) for _ in range(32) for _ in range(5)][:140]
    pool_many(maps, grids)
    took: list[float] = []
    for _ in range(5):
        begun = time.perf_counter()
        pool_many(maps, grids)
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.01
