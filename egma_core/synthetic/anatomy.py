"""The build of a phantom patient: where lungs, heart and diaphragm lie, as closed curves that films are drawn from.

Everything here lives in the phantom's own plane: pixels of a film of `SIDE` by `SIDE`, midline at its centre, the patient
facing the beholder as on every chest film, so that the patient's left lies at the image's right. A patient who stands
off-centre, nearer to the detector or a little askew is described by `Stance`, which carries the plane to image pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egma_core.geometry import Rect

SIDE = 512
"""Rows and columns of a phantom film, in pixels."""

MIDDLE = SIDE / 2

Side = Literal["left", "right"]
Array: TypeAlias = NDArray[np.floating[Any]]
"""A picture or a set of points; float32 throughout, though the type checker cannot follow it through arithmetic with plain numbers."""


@dataclass(frozen=True)
class Stance:
    """How the patient stood: an affine map from the phantom's plane to image pixels.

    Attributes:
        scale: Magnification.
        lean: Shift to the image's right for each pixel downward.
        dx_px: Shift to the image's right, in image pixels.
        dy_px: Shift downward, in image pixels.
    """

    scale: float
    lean: float
    dx_px: float
    dy_px: float

    def planes(self) -> tuple[Array, Array]:
        """Where every image pixel lies in the plane: x from the midline, (SIDE, SIDE) float32, and y, (SIDE, 1) float32."""
        centres = np.arange(SIDE, dtype=np.float32) + np.float32(0.5 - MIDDLE)
        down = (centres - np.float32(self.dy_px))[:, None] / np.float32(self.scale)
        across = (centres - np.float32(self.dx_px))[None, :] / np.float32(self.scale)
        return across - np.float32(self.lean) * down, down + np.float32(MIDDLE)

    def to_image(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Image pixels of points of the plane; x and y of one shape."""
        down = np.asarray(y, np.float32) - np.float32(MIDDLE)
        across = np.asarray(x, np.float32) + np.float32(self.lean) * down
        scale = np.float32(self.scale)
        return across * scale + np.float32(MIDDLE + self.dx_px), down * scale + np.float32(MIDDLE + self.dy_px)

    def box(self, extent: Rect) -> Rect:
        """The upright image box, inside the film, around a rectangle of the plane."""
        x, y = self.to_image((extent.left, extent.right, extent.right, extent.left), (extent.top, extent.top, extent.bottom, extent.bottom))
        return Rect(*np.clip([x.min(), y.min(), x.max(), y.max()], 0, SIDE).tolist())


@dataclass(frozen=True)
class Anatomy:
    """One patient's chest; lengths in pixels of the plane, x measured from the midline.

    Attributes:
        half_width: Midline to the widest point of the lung.
        apex: y of the lungs' tops.
        widest: y below which the chest wall no longer widens.
        dome_right: y of the right hemidiaphragm's dome.
        dome_left: y of the left one, a little lower.
        heart_width: Width of the heart's shadow.
        heart_y: y of the heart's middle.
        heart_tilt: Shift of the heart to the left for each pixel downward.
        rib_spacing: Distance between two ribs.
        rib_phase: Where the first rib lies, as a share of the spacing.
        stance: How the patient stood.
    """

    half_width: float
    apex: float
    widest: float
    dome_right: float
    dome_left: float
    heart_width: float
    heart_y: float
    heart_tilt: float
    rib_spacing: float
    rib_phase: float
    stance: Stance

    def chest_wall(self, y: Array, inward: Array | float = 0.0, apex_drop: float = 0.0) -> Array:
        """Distance of the lung's outer border from the midline, at height y.

        Args:
            y: Heights, any shape.
            inward: How far the border is drawn in, as the collapsed lung's is.
            apex_drop: How far the top is drawn down.
        """
        apex = self.apex + apex_drop
        rise = np.clip((self.widest - y) / (self.widest - apex), 0.0, 1.0)
        hilum = np.float32(42.0)
        below = np.clip((y - self.widest) / 160.0, 0.0, 1.0)
        return hilum + (self.half_width - inward - hilum - 8.0 * below) * np.sqrt(1.0 - rise**2.2)

    def mediastinal_border(self, y: Array) -> Array:
        """Distance of the lung's inner border from the midline, at height y."""
        rise = np.clip((self.widest - y) / (self.widest - self.apex), 0.0, 1.0)
        return 27.0 + 26.0 * rise**6

    def diaphragm(self, x: Array) -> Array:
        """Height of the diaphragm at x: a dome on each side, deepest in the outer (costophrenic) angle."""
        dome = np.where(x > 0, np.float32(self.dome_left), np.float32(self.dome_right))
        outward = (np.abs(x) - np.float32(0.48 * self.half_width)) * np.float32(1 / (0.52 * self.half_width))
        return dome + np.where(outward > 0, np.float32(42.0), np.float32(12.0)) * outward * outward

    @property
    def heart_half_height(self) -> float:
        """Half the height of the heart's shadow."""
        return 52.0 + 0.17 * self.heart_width

    def heart(self, x: Array, y: Array) -> Array:
        """Squared relative distance from the heart's middle: below 1 inside its shadow, about two thirds of it left of the midline."""
        down = (y - self.heart_y) / self.heart_half_height
        across = x - self.heart_middle(y)
        return (across / self._heart_half_width(down)) ** 2 + down**2

    def heart_middle(self, y: Array) -> Array:
        """The x of the middle of the heart's shadow at height y."""
        return self.heart_tilt * (y - self.heart_y) + 0.14 * self.heart_width

    def _heart_half_width(self, down: Array) -> Array:
        """Half the width that the shadow would have if it were not rounded: narrow above, broad on the diaphragm."""
        return np.float32(0.5 * self.heart_width) * (1.0 + 0.16 * np.clip(down, -1.0, 1.0))

    @property
    def hilum_x(self) -> float:
        """Distance of each hilum from the midline."""
        return 0.29 * self.half_width

    def hilum_y(self, side: Side) -> float:
        """Height of the hilum: the left one stands a little higher."""
        return self.apex + (141.0 if side == "left" else 155.0)

    def medial_limit(self, y: float, side: Side) -> float:
        """Distance from the midline beyond which the lung is clear of mediastinum and heart, at height y."""
        at = np.array([y])
        down = (at - self.heart_y) / self.heart_half_height
        reach = self._heart_half_width(down) * np.sqrt(np.maximum(1.0 - down**2, 0.0))
        middle = self.heart_middle(at) * (1.0 if side == "left" else -1.0)
        return max(self.mediastinal_border(at).item(), (middle + reach).item())

    def both_lungs(self) -> Rect:
        """The rectangle of the plane in which lung disease of both sides is seen, around the hila."""
        return Rect(-0.86 * self.half_width, self.apex + 70.0, 0.86 * self.half_width, self.dome_right - 20.0)

    def heart_extent(self) -> Rect:
        """The rectangle of the plane around the heart's visible part."""
        top = self.heart_y - 0.85 * self.heart_half_height
        bottom = min(self.heart_y + self.heart_half_height, self.dome_left + 12.0)
        return Rect(-0.36 * self.heart_width, top, 0.64 * self.heart_width, bottom)


def random_anatomy(rng: np.random.Generator) -> Anatomy:
    """A normal chest: the heart takes 40 to 48 % of the chest's width."""
    half_width = rng.uniform(160.0, 184.0)
    dome = rng.uniform(352.0, 384.0)
    stance = Stance(rng.uniform(0.93, 1.06), rng.normal(0.0, 0.02), rng.uniform(-16.0, 16.0), rng.uniform(-14.0, 14.0))
    return Anatomy(
        half_width=half_width,
        apex=rng.uniform(66.0, 86.0),
        widest=rng.uniform(285.0, 315.0),
        dome_right=dome,
        dome_left=dome + rng.uniform(4.0, 16.0),
        heart_width=rng.uniform(0.40, 0.48) * 2 * half_width,
        heart_y=dome - rng.uniform(48.0, 58.0),
        heart_tilt=rng.uniform(0.10, 0.26),
        rib_spacing=rng.uniform(31.0, 37.0),
        rib_phase=rng.uniform(0.0, 1.0),
        stance=stance,
    )
