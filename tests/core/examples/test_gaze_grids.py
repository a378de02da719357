"""Gaze on the grids of a batch, against the Gaussians summed up numerically, at every level and under every variation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from egma_core.alignment.patches import PatchGrid
from egma_core.dicom.writer import FilmTags, write_film
from egma_core.examples.batch import PictureShape
from egma_core.examples.config import DataConfig
from egma_core.examples.loader import ExampleLoader
from egma_core.examples.manifest import Example, ExampleSentence, GazeComponents, Manifest
from egma_core.examples.splits import hash_fraction
from egma_core.examples.transforms import Variation
from egma_core.model.config import TextConfig
from egma_core.model.tokens import WordTokenizer

SHAPE = PictureShape(96, 3, 3, finer=((6, 6), (12, 8)))
FINE = 20
"""Points across a cell: the midpoint rule is then good to 1e-3 of the largest cell for all Gaussians here."""


def summed(gaze: GazeComponents, grid: PatchGrid) -> np.ndarray:
    """(N,) the Gaussians' densities at the middles of FINE x FINE squares of each cell, where the film was visible, added up."""
    across, down = ((np.arange(n * FINE) + 0.5) / FINE for n in (grid.columns, grid.rows))
    points = grid.image_to_patch().inverse().apply(np.stack(np.meshgrid(across, down), axis=-1))
    density = np.zeros(points.shape[:2])
    for x, y, sigma, weight, (left, top, right, bottom) in zip(
        gaze.x_px, gaze.y_px, gaze.sigma_px, gaze.weight_s, gaze.visible, strict=True
    ):
        bell = np.exp(-0.5 * ((points[..., 0] - x) ** 2 + (points[..., 1] - y) ** 2) / sigma**2) / (2 * np.pi * sigma**2)
        visible = (points[..., 0] > left) & (points[..., 0] < right) & (points[..., 1] > top) & (points[..., 1] < bottom)
        density += weight * bell * visible
    cells = density.reshape(grid.rows, FINE, grid.columns, FINE).sum(axis=(1, 3)).ravel()
    return cells / cells.max()


@pytest.mark.parametrize("image_shape", [(120, 120), (150, 90), (81, 160)])
def test_every_level_holds_the_integrals_of_the_gaze(tmp_path: Path, image_shape: tuple[int, int]) -> None:
    rows, columns = image_shape
    random = np.random.default_rng(rows)
    digest = write_film(tmp_path / "0.dcm", random.integers(0, 255, image_shape).astype(np.uint8), FilmTags("P", "1.2", "1.2.1", "1.2.1.1"))

    def looks(n: int) -> GazeComponents:
        x, y = random.uniform(0.2 * columns, 0.8 * columns, n), random.uniform(0.2 * rows, 0.8 * rows, n)
        return GazeComponents(x, y, random.uniform(8.0, 25.0, n), random.uniform(0.1, 0.6, n), np.tile([0.0, 0.0, columns, rows], (n, 1)))

    gazes = [looks(1), looks(5), looks(9)]
    sentences = tuple(ExampleSentence("one", "typed", gaze) for gaze in gazes)
    example = Example("e", "P", "R", "0.dcm", digest, image_shape, (), "train", "simulated", sentences)
    tokenizer = WordTokenizer.build(["one"], TextConfig())
    data = DataConfig(shift=0.1, scale=0.3, flip=0.5)
    loader = ExampleLoader(
        Manifest(tmp_path, (example,)), "train", data=data, shape=SHAPE, tokenizer=tokenizer, batch_size=2, train=True, seed=5
    )
    for epoch in range(3):
        batch = loader.batch([example], epoch)
        draw = np.random.default_rng(int(hash_fraction("e", f"epoch {epoch}", 5) * 2**53))
        variation = Variation.draw(draw, data, SHAPE.size_px)
        for (down, across), pooled in zip(SHAPE.grids, (batch.gaze, *batch.finer_gaze), strict=True):
            grid = variation.grid(PatchGrid.fit(rows, columns, SHAPE.size_px, down, across))
            expected = np.stack([summed(gaze, grid) for gaze in gazes])
            assert pooled.shape == expected.shape
            assert pooled.numpy() == pytest.approx(expected, abs=0.02)
            assert float(abs(pooled.numpy() - expected).mean()) < 2e-3


def test_finer_cells_add_up_to_coarser_ones(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    digest = write_film(tmp_path / "0.dcm", random.integers(0, 255, (64, 48)).astype(np.uint8), FilmTags("P", "1.2", "1.2.1", "1.2.1.1"))
    gaze = GazeComponents(
        random.uniform(0, 48, 6), random.uniform(0, 64, 6), np.full(6, 5.0), np.ones(6), np.tile([0.0, 0.0, 48.0, 64.0], (6, 1))
    )
    example = Example("e", "P", "R", "0.dcm", digest, (64, 48), (), "train", "simulated", (ExampleSentence("one", "typed", gaze),))
    shape = PictureShape(64, 4, 4, finer=((8, 8), (16, 16)))
    loader = ExampleLoader(
        Manifest(tmp_path, (example,)),
        "train",
        data=DataConfig(),
        shape=shape,
        tokenizer=WordTokenizer.build(["one"], TextConfig()),
        batch_size=1,
        train=True,
        seed=0,
    )
    batch = next(loader.epoch(0))
    for fine in batch.finer_gaze:
        side = round(fine.shape[1] ** 0.5)
        coarse = fine.view(4, side // 4, 4, side // 4).sum(dim=(1, 3)).flatten()
        assert (coarse / coarse.max()).numpy() == pytest.approx(batch.gaze[0].numpy(), abs=1e-6)
