"""A similarity map in the film's own pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import FrameMismatchError
from egma_core.inference.prediction import SimilarityMap


def on_image(similarity: SimilarityMap, lattice: tuple[int, int] | None = None) -> NDArray[np.float32]:
    """Spread a map over its film: bilinear between the centres of the cells, level beyond the outermost ones.

    Args:
        similarity: The map.
        lattice: (rows, columns) of equal parts that the film is cut into, instead of its own pixels.

    Returns:
        (rows, columns) float32 cosine at the centre of each of the film's pixels, or of the lattice's parts; NaN where
        the model did not see the film.

    Raises:
        FrameMismatchError: The film was turned or sheared on its way to the model.
    """
    to_patch = similarity.grid.image_to_patch()
    if to_patch.xy or to_patch.yx:
        raise FrameMismatchError("A similarity map cannot be spread over a film that was turned or sheared for the model.")
    rows, columns = similarity.image_shape
    parts_down, parts_across = lattice or similarity.image_shape
    down = _weights(parts_down, to_patch.yy * rows / parts_down, to_patch.dy, similarity.grid.rows)
    across = _weights(parts_across, to_patch.xx * columns / parts_across, to_patch.dx, similarity.grid.columns)
    return (down @ similarity.cosine @ across.T).astype(np.float32, copy=False)


def _weights(pixels: int, scale: float, shift: float, cells: int) -> NDArray[np.float32]:
    """(pixels, cells) share of each cell in each pixel's value along one axis; a row of NaN for a pixel outside the picture.

    Args:
        pixels: Pixels (or parts) of the film along the axis.
        scale: Cells a pixel (or part).
        shift: Where the film's edge lies, in cells.
        cells: Cells along the axis.
    """
    place = scale * (np.arange(pixels, dtype=np.float64) + 0.5) + shift
    between = np.clip(place - 0.5, 0, cells - 1)
    share = np.maximum(0.0, 1.0 - np.abs(between[:, None] - np.arange(cells)))
    share[(place < 0) | (place > cells)] = np.nan
    return share.astype(np.float32)
