"""Frames of reference, the screen, and affine transforms that know which frames they join.

Convention, stated once for the whole project: in every pixel frame the origin is the outer corner of the
top-left pixel, x grows to the right and y downward, and the centre of the pixel in column c and row r lies
at (c + 0.5, r + 0.5). Frames: `display` (fractions of the tracker's display area, 0..1 across and down),
`screen` (native pixels of the monitor), `image` (pixels of a film as stored), `network` (pixels of the
square picture a model sees), `patch` (cells of the model's grid).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egma_core.errors import ConfigError, FrameMismatchError

Frame = Literal["display", "screen", "image", "network", "patch"]


@dataclass(frozen=True)
class Rect:
    """An axis-aligned rectangle in some pixel frame; left and top included."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Extent along x."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Extent along y."""
        return self.bottom - self.top


@dataclass(frozen=True)
class Transform:
    """An affine map from one frame to another.

    x' = xx * x + xy * y + dx and y' = yx * x + yy * y + dy, in units of the two frames.
    """

    source: Frame
    target: Frame
    xx: float
    xy: float
    yx: float
    yy: float
    dx: float
    dy: float

    @classmethod
    def scaling(cls, source: Frame, target: Frame, sx: float, sy: float, dx: float = 0.0, dy: float = 0.0) -> Transform:
        """Scale along each axis, then shift."""
        return cls(source, target, sx, 0.0, 0.0, sy, dx, dy)

    def apply(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map points of shape (..., 2), given as x, y in the source frame, to the target frame."""
        xy = np.asarray(points, dtype=np.float64)
        x, y = xy[..., 0], xy[..., 1]
        return np.stack([self.xx * x + self.xy * y + self.dx, self.yx * x + self.yy * y + self.dy], axis=-1)

    def then(self, following: Transform) -> Transform:
        """Return the map that applies this one first and `following` after it.

        Raises:
            FrameMismatchError: `following` does not start in the frame where this one ends.
        """
        if following.source != self.target:
            raise FrameMismatchError(f"{self.source}_to_{self.target} cannot be followed by {following.source}_to_{following.target}.")
        matrix = following.matrix() @ self.matrix()
        return Transform(self.source, following.target, *_coefficients(matrix))

    def inverse(self) -> Transform:
        """Return the map back.

        Raises:
            FrameMismatchError: The map flattens the plane and cannot be undone.
        """
        if abs(self.xx * self.yy - self.xy * self.yx) < 1e-15:
            raise FrameMismatchError(f"{self.source}_to_{self.target} has no inverse.")
        return Transform(self.target, self.source, *_coefficients(np.asarray(np.linalg.inv(self.matrix()), dtype=np.float64)))

    def matrix(self) -> NDArray[np.float64]:
        """The 3x3 matrix that acts on columns (x, y, 1)."""
        return np.array([[self.xx, self.xy, self.dx], [self.yx, self.yy, self.dy], [0.0, 0.0, 1.0]])

    @property
    def scale(self) -> float:
        """Target units for one source unit: the geometric mean over both axes."""
        return math.sqrt(abs(self.xx * self.yy - self.xy * self.yx))

    def map_rect(self, rect: Rect) -> Rect:
        """The smallest upright rectangle of the target frame that holds the image of `rect`."""
        corners = self.apply([(rect.left, rect.top), (rect.right, rect.top), (rect.right, rect.bottom), (rect.left, rect.bottom)])
        return Rect(*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())


def _coefficients(matrix: NDArray[np.float64]) -> tuple[float, float, float, float, float, float]:
    (xx, xy, dx), (yx, yy, dy) = matrix[0].tolist(), matrix[1].tolist()
    return xx, xy, yx, yy, dx, dy


@dataclass(frozen=True)
class Screen:
    """The monitor that the reader looks at and the tracker is calibrated on.

    Attributes:
        width_px: Native pixels across.
        height_px: Native pixels down.
        width_mm: Lit width in mm.
        height_mm: Lit height in mm.
        distance_mm: Eye to screen centre in mm, where no sample says better.
    """

    width_px: int
    height_px: int
    width_mm: float
    height_mm: float
    distance_mm: float

    def __post_init__(self) -> None:
        """Refuse a screen that has no size.

        Raises:
            ConfigError: A field is not positive.
        """
        if min(self.width_px, self.height_px, self.width_mm, self.height_mm, self.distance_mm) <= 0:
            raise ConfigError(
                f"The screen's size and distance must be positive, not {self}.", "Type the size printed in the monitor's manual."
            )

    def display_to_screen(self) -> Transform:
        """Fractions of the display area to native pixels."""
        return Transform.scaling("display", "screen", self.width_px, self.height_px)

    def px_per_deg(self, distance_mm: float | None = None) -> float:
        """Native pixels for one degree of visual angle at the screen's centre (geometric mean of both axes)."""
        mm_per_deg = 2.0 * (distance_mm or self.distance_mm) * math.tan(math.radians(0.5))
        return mm_per_deg * math.sqrt((self.width_px / self.width_mm) * (self.height_px / self.height_mm))
