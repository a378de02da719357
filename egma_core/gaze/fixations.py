"""Fixations: where the eyes rested, for how long, and how steadily."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Fixations:
    """Fixations in the order they happened; every array has shape (n,).

    Attributes:
        onset_s: Start, in seconds since the reading's start.
        offset_s: End, in seconds since the reading's start.
        x_px: Mean position in image pixels (NaN where no film was under the gaze).
        y_px: Mean position in image pixels.
        screen_x_px: Mean position in native screen pixels.
        screen_y_px: Mean position in native screen pixels.
        dispersion_deg: Root-mean-square distance of the samples from their mean, in degrees of visual angle.
        px_per_deg: Image pixels for one degree of visual angle at that moment's zoom (NaN where no film).
        viewport: Index into the viewport log the fixation was placed with (-1 where no film).
    """

    onset_s: NDArray[np.float64]
    offset_s: NDArray[np.float64]
    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    screen_x_px: NDArray[np.float64]
    screen_y_px: NDArray[np.float64]
    dispersion_deg: NDArray[np.float64]
    px_per_deg: NDArray[np.float64]
    viewport: NDArray[np.int64]

    def __len__(self) -> int:
        """How many fixations there are."""
        return len(self.onset_s)

    @property
    def duration_s(self) -> NDArray[np.float64]:
        """(n,) durations in seconds."""
        return self.offset_s - self.onset_s
