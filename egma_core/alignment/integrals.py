"""Gaussians integrated over the cells of an axis, in closed form: what rendering and pooling have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def cell_masses(
    edges: NDArray[np.float64],
    centre: NDArray[np.float64],
    sigma: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Mass of each Gaussian in each cell of one axis, cut off outside [low, high] and not made up for.

    Args:
        edges: (e,) or (k, e) edges of the cells, ascending or descending.
        centre: (k,) means, in the unit of the edges.
        sigma: (k,) standard deviations.
        low: (k,) where the visible part begins.
        high: (k,) where it ends.

    Returns:
        (k, e - 1) masses, none negative.
    """
    # Imported here because the window needs the neighbours of this module at start, and never integrates.
    from scipy.special import ndtr

    inside = np.clip(edges, low[:, None], np.maximum(low, high)[:, None])
    return np.abs(np.diff(ndtr((inside - centre[:, None]) / sigma[:, None]), axis=1))
