"""Variation of training pictures: film and gaze shift together, tones change, nothing is flipped, since left and right are words."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from egma_core.alignment.patches import PatchGrid
from egma_core.examples.config import DataConfig
from egma_core.geometry import Transform


@dataclass(frozen=True)
class Variation:
    """How one picture is varied; the default leaves it alone.

    Attributes:
        right_px: Shift to the right, in whole network pixels.
        down_px: Shift downward, in whole network pixels.
        brightness: Factor on all tones.
        contrast: Factor on the distance of each tone from the picture's mean.
    """

    right_px: int = 0
    down_px: int = 0
    brightness: float = 1.0
    contrast: float = 1.0

    @classmethod
    def draw(cls, random: np.random.Generator, config: DataConfig, size_px: int) -> Variation:
        """Draw each value uniformly within its bounds."""
        most_px = int(config.shift * size_px)
        right, down = random.integers(-most_px, most_px, size=2, endpoint=True).tolist()
        brightness, contrast = random.uniform(1 - config.brightness, 1 + config.brightness, size=2).tolist()
        return cls(right, down, brightness, contrast)

    def picture(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Vary a network picture.

        Args:
            picture: (S, S) grey levels, black where there is no film.

        Returns:
            (S, S) tones in [0, 1]; black where film was shifted away from.
        """
        tones = shifted(picture, self.right_px, self.down_px).astype(np.float32) / np.float32(255)
        if self.contrast != 1.0:
            mean = tones.mean(dtype=np.float64)
            tones = (tones - mean) * np.float32(self.contrast) + mean
        return np.clip(tones * np.float32(self.brightness), 0, 1).astype(np.float32)

    def grid(self, grid: PatchGrid) -> PatchGrid:
        """The same shift for the grid that gaze is pooled on."""
        shift = Transform.scaling("network", "network", 1.0, 1.0, self.right_px, self.down_px)
        return replace(grid, image_to_network=grid.image_to_network.then(shift))


def shifted(picture: NDArray[np.uint8], right_px: int, down_px: int) -> NDArray[np.uint8]:
    """Move a (rows, columns) picture by whole pixels; what leaves it is lost, what enters is black."""
    rows, columns = picture.shape
    moved = np.zeros_like(picture)
    if abs(right_px) >= columns or abs(down_px) >= rows:
        return moved
    to_y, to_x = slice(max(0, down_px), rows + min(0, down_px)), slice(max(0, right_px), columns + min(0, right_px))
    from_y, from_x = slice(max(0, -down_px), rows - max(0, down_px)), slice(max(0, -right_px), columns - max(0, right_px))
    moved[to_y, to_x] = picture[from_y, from_x]
    return moved
