"""What is done to positions before a fixation filter looks at them: noise reduction by a moving median or mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import ConfigError


def moving(
    values: NDArray[np.float64], first: NDArray[np.intp], last: NDArray[np.intp], reduction: str, n_samples: int
) -> NDArray[np.float64]:
    """Moving median or mean of positions, centred, inside unbroken stretches.

    Towards a stretch's ends the window shrinks evenly on both sides, so that nothing is delayed and no stretch
    reaches into another.

    Args:
        values: (n, k) positions.
        first: (n,) first sample of the stretch that each sample is part of.
        last: (n,) last sample of that stretch.
        reduction: `none` (the values as they are), `median` or `mean`.
        n_samples: Samples in a full window, an odd number.

    Returns:
        (n, k) positions.

    Raises:
        ConfigError: The number of samples is even, or the reduction is unknown.

    Source: Olsen (2012), The Tobii I-VT Fixation Filter, noise reduction.
    """
    if reduction not in ("none", "median", "mean"):
        raise ConfigError(f"There is no noise reduction {reduction}.", "Choose one of: none, median, mean.")
    if n_samples < 1 or n_samples % 2 == 0:
        raise ConfigError(f"A moving window of {n_samples} samples has no middle.", "Use an odd number, 3 for example.")
    if reduction == "none" or n_samples == 1:
        return values
    index = np.arange(len(values))
    reach = np.minimum(n_samples // 2, np.minimum(index - first, last - index))
    reduced = values.copy()
    for half in range(1, n_samples // 2 + 1):
        here = index[reach == half]
        window = values[here[:, None] + np.arange(-half, half + 1)]
        reduced[here] = np.median(window, axis=1) if reduction == "median" else window.mean(axis=1)
    return reduced
