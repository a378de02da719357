"""The grid of patches a model sees, where its cells lie on the film, and gaze maps pooled to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egma_core.alignment.integrals import cell_masses
from egma_core.alignment.maps import SentenceGazeMap
from egma_core.errors import FrameMismatchError
from egma_core.geometry import Transform

NEGLIGIBLE_SHARE = 0.01
"""A map of whose gaze less than this share falls on the grid pools to zeros: its nearest cells were not looked at."""


@dataclass(frozen=True)
class PatchGrid:
    """The cells of a model's patch grid; cell p is (row p // columns, column p % columns).

    Attributes:
        rows: Cells down.
        columns: Cells across.
        size_px: Side of the square network picture, in network pixels.
        image_to_network: Where image pixels lie in the network picture (pad to a square, resize, and any
            augmentation shared by film and gaze).
    """

    rows: int
    columns: int
    size_px: int
    image_to_network: Transform

    @classmethod
    def fit(cls, image_rows: int, image_columns: int, size_px: int, rows: int, columns: int) -> PatchGrid:
        """The grid for a film padded to a centred square, then resized to `size_px`."""
        side = max(image_rows, image_columns)
        scale = size_px / side
        shift_x = (side - image_columns) / 2 * scale
        shift_y = (side - image_rows) / 2 * scale
        return cls(rows, columns, size_px, Transform.scaling("image", "network", scale, scale, shift_x, shift_y))

    def image_to_patch(self) -> Transform:
        """Image pixels to patch cells (cell (c, r) spans c..c+1 across and r..r+1 down)."""
        return self.image_to_network.then(Transform.scaling("network", "patch", self.columns / self.size_px, self.rows / self.size_px))


@dataclass(frozen=True)
class PackedMaps:
    """The Gaussians of m gaze maps end to end, k in all, so that a whole batch is pooled in one go.

    Attributes:
        components: (k, 8) x, y, sigma in image pixels, weight in s, then left, top, right, bottom of the visible part
            of the film in image pixels.
        counts: (m,) Gaussians of each map; 0 for a sentence without gaze.
    """

    components: NDArray[np.float64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, maps: Sequence[SentenceGazeMap]) -> PackedMaps:
        """Pack maps, in their order."""
        blocks = [np.column_stack([m.x_px, m.y_px, m.sigma_px, m.weight_s, m.visible.reshape(-1, 4)]) for m in maps]
        return cls(np.concatenate([np.zeros((0, 8)), *blocks]), np.array([len(b) for b in blocks], dtype=np.int64))

    @classmethod
    def join(cls, parts: Sequence[PackedMaps]) -> PackedMaps:
        """The maps of all parts, in their order."""
        components = np.concatenate([np.zeros((0, 8)), *(p.components for p in parts)])
        return cls(components, np.concatenate([np.zeros(0, dtype=np.int64), *(p.counts for p in parts)]))


def pool(gaze_map: SentenceGazeMap, grid: PatchGrid) -> NDArray[np.float64]:
    """One map pooled to a grid: see `pool_many`.

    Returns:
        (N,) values in [0, 1], cells in row-major order.
    """
    return pool_many(PackedMaps.of([gaze_map]), [grid])[0]


def pool_many(maps: PackedMaps, grids: Sequence[PatchGrid]) -> NDArray[np.float64]:
    """Pool m gaze maps, each to its own grid; all grids have the same rows and columns.

    G[c] = sum over the map's Gaussians of weight * integral over cell c, cut off where the film was not visible; then
    divided by its largest value. The integrals are exact, so no resolution has to be chosen. A film's padding was
    never visible and stays 0.

    Args:
        maps: m maps.
        grids: m grids; they may differ in where the film lies in the network picture.

    Returns:
        (m, N) values in [0, 1], cells in row-major order. A row is zero where the map has no gaze, or where an
        augmentation moved all but a negligible share of it out of the picture (`NEGLIGIBLE_SHARE`).

    Raises:
        FrameMismatchError: A network picture is not an upright one of its film, or the grids differ in shape.
    """
    if not len(grids):
        return np.zeros((0, 0))
    rows, columns = grids[0].rows, grids[0].columns
    if len(grids) != len(maps.counts) or any((g.rows, g.columns) != (rows, columns) for g in grids):
        raise FrameMismatchError(f"{len(maps.counts)} gaze maps need as many grids of one shape, not {len(grids)}.")
    across_px, down_px = _edges(grids, rows, columns)
    owner = np.repeat(np.arange(len(grids)), maps.counts)
    x, y, sigma, weight, left, top, right, bottom = maps.components.T
    across = cell_masses(across_px[owner], x, sigma, left, right)
    down = cell_masses(down_px[owner], y, sigma, top, bottom) * weight[:, None]
    cells = (down[:, :, None] * across[:, None, :]).reshape(len(owner), rows * columns)
    pooled = np.zeros((len(grids), rows * columns))
    looked = np.flatnonzero(maps.counts)
    if len(looked):
        pooled[looked] = np.add.reduceat(cells, (np.cumsum(maps.counts) - maps.counts)[looked], axis=0)
    present = pooled.sum(axis=1) > NEGLIGIBLE_SHARE * np.bincount(owner, weights=weight, minlength=len(grids))
    peak = pooled.max(axis=1)
    return np.divide(pooled, peak[:, None], out=np.zeros_like(pooled), where=(present & (peak > 0))[:, None])


def _edges(grids: Sequence[PatchGrid], rows: int, columns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the cells' edges lie on m films in image pixels: (m, columns + 1) across, (m, rows + 1) down.

    They descend where the network picture is a mirrored film.
    """
    maps = [g.image_to_network for g in grids]
    if any(t.xy or t.yx or not t.xx or not t.yy for t in maps):
        raise FrameMismatchError("The network picture is turned or sheared against the film: its cells are no upright rectangles there.")
    xx, dx, yy, dy, size = np.array([(t.xx, t.dx, t.yy, t.dy, g.size_px) for t, g in zip(maps, grids, strict=True)]).T[:, :, None]
    across = np.arange(columns + 1) * (size / columns)
    down = np.arange(rows + 1) * (size / rows)
    return (across - dx) / xx, (down - dy) / yy
