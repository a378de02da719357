"""Variation of training pictures: film and gaze are shifted, resized and cropped together, and tones change.

Nothing is mirrored unless that is asked for, since left and right are words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

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
        scale: Factor on the film's size, about the picture's centre and before the shift.
        mirrored: Whether left and right change sides first.
    """

    right_px: int = 0
    down_px: int = 0
    brightness: float = 1.0
    contrast: float = 1.0
    scale: float = 1.0
    mirrored: bool = False

    @classmethod
    def draw(cls, random: np.random.Generator, config: DataConfig, size_px: int) -> Variation:
        """Draw each value uniformly within its bounds."""
        most_px = int(config.shift * size_px)
        right, down = random.integers(-most_px, most_px, size=2, endpoint=True).tolist()
        brightness, contrast, scale, chance = random.random(4).tolist()
        return cls(
            right,
            down,
            brightness=1 + config.brightness * (2 * brightness - 1),
            contrast=1 + config.brightness * (2 * contrast - 1),
            scale=1 + config.scale * (2 * scale - 1),
            mirrored=chance < config.flip,
        )

    def within_network(self, size_px: int) -> Transform:
        """Where the points of an unvaried network picture of `size_px` lie in the varied one."""
        margin = (1 - self.scale) * size_px / 2
        across, left = (-self.scale, self.scale * size_px) if self.mirrored else (self.scale, 0.0)
        return Transform.scaling("network", "network", across, self.scale, left + margin + self.right_px, margin + self.down_px)

    def moved(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Move an (S, S) network picture as `within_network` says; black where no film comes to lie."""
        if self.mirrored:
            picture = picture[:, ::-1]
        if self.scale == 1.0:
            return shifted(picture, self.right_px, self.down_px)
        side = len(picture) / self.scale
        left, top = ((len(picture) - side) / 2 - shift / self.scale for shift in (self.right_px, self.down_px))
        return cropped(picture, left, top, side)

    def tones(self, mean: float) -> NDArray[np.float32]:
        """(256,) tones in [0, 1] of all grey levels, in a picture whose mean tone is `mean`."""
        tones = np.arange(256, dtype=np.float32) / np.float32(255)
        if self.contrast != 1.0:
            tones = (tones - np.float32(mean)) * np.float32(self.contrast) + np.float32(mean)
        return np.clip(tones * np.float32(self.brightness), np.float32(0), np.float32(1))

    def grid(self, grid: PatchGrid) -> PatchGrid:
        """The grid that gaze is pooled on, with the film moved as in the picture."""
        return replace(grid, image_to_network=grid.image_to_network.then(self.within_network(grid.size_px)))


def mean_tone(picture: NDArray[np.uint8]) -> float:
    """The mean of grey levels as tones, in [0, 1]."""
    return int(picture.sum(dtype=np.uint32)) / (255 * picture.size)


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


def cropped(picture: NDArray[np.uint8], left: float, top: float, side: float) -> NDArray[np.uint8]:
    """Resize the square of `side` pixels at (left, top), black outside the (S, S) picture, to (S, S), antialiased."""
    size = len(picture)
    margin = max(0, math.ceil(max(-left, -top, left + side - size, top + side - size)))
    canvas = np.pad(picture, margin) if margin else picture
    box = (left + margin, top + margin, left + margin + side, top + margin + side)
    return np.asarray(Image.fromarray(canvas).resize((size, size), Image.Resampling.BILINEAR, box=box))
