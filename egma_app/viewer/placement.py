"""Where a film lies on the screen: centre, zoom, quarter turns and mirroring, as one value without Qt."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from egma_core.geometry import Rect, Transform

MAX_ZOOM = 32.0
_COSINE = (1, 0, -1, 0)
_SINE = (0, 1, 0, -1)


@dataclass(frozen=True)
class Placement:
    """How a film is laid into a rectangle of the screen.

    Image pixels are mirrored first (left to right), then turned clockwise, then enlarged.

    Attributes:
        center_x_px: The image x that lies in the rectangle's middle, in image pixels.
        center_y_px: The image y that lies in the rectangle's middle, in image pixels.
        zoom: Native screen pixels for one image pixel.
        quarter_turns: Clockwise turns by 90°, 0 to 3.
        mirrored: Whether the film is mirrored left to right (before it is turned).
        stretch_x: How much wider than `zoom` an image pixel is drawn, for films whose pixels are not square.
        stretch_y: How much taller than `zoom` an image pixel is drawn.
    """

    center_x_px: float
    center_y_px: float
    zoom: float
    quarter_turns: int = 0
    mirrored: bool = False
    stretch_x: float = 1.0
    stretch_y: float = 1.0

    @classmethod
    def upright(cls, pixel_aspect: float) -> Placement:
        """A film without turns; pixels that are not square (height through width) are drawn larger along their longer side."""
        return cls(0.0, 0.0, 1.0, stretch_x=max(1.0, 1.0 / pixel_aspect), stretch_y=max(1.0, pixel_aspect))

    @classmethod
    def fitted(cls, columns: int, rows: int, region: Rect, *, like: Placement) -> Placement:
        """The whole film in the middle of `region`, turned, mirrored and stretched as `like`."""
        width, height = columns * like.stretch_x, rows * like.stretch_y
        if like.quarter_turns % 2:
            width, height = height, width
        zoom = min(region.width / width, region.height / height)
        return dataclasses.replace(like, center_x_px=columns / 2, center_y_px=rows / 2, zoom=max(zoom, 1e-4))

    def image_to_screen(self, region: Rect) -> Transform:
        """Image pixels to native screen pixels.

        At whole-numbered zooms the film is laid on the screen's own pixels, so that 1:1 shows every pixel untouched.
        """
        a, b = _COSINE[self.quarter_turns % 4], _SINE[self.quarter_turns % 4]
        sx = self.zoom * self.stretch_x * (-1.0 if self.mirrored else 1.0)
        sy = self.zoom * self.stretch_y
        xx, xy, yx, yy = a * sx, -b * sy, b * sx, a * sy
        dx = (region.left + region.right) / 2 - xx * self.center_x_px - xy * self.center_y_px
        dy = (region.top + region.bottom) / 2 - yx * self.center_x_px - yy * self.center_y_px
        if _whole(abs(sx)) and _whole(sy):
            dx, dy = float(math.floor(dx + 0.5)), float(math.floor(dy + 0.5))
        return Transform("image", "screen", xx, xy, yx, yy, dx, dy)

    def zoomed(self, factor: float, region: Rect, x: float, y: float, *, lowest: float) -> Placement:
        """Enlarged by `factor`, with the film's point under the screen position (x, y) kept in place."""
        zoom = min(max(self.zoom * factor, lowest), MAX_ZOOM)
        return dataclasses.replace(self, zoom=zoom)._with_point_at(self._point_at(region, x, y), region, x, y)

    def moved(self, dx: float, dy: float, region: Rect) -> Placement:
        """The film pushed by (dx, dy) native screen pixels."""
        x, y = (region.left + region.right) / 2, (region.top + region.bottom) / 2
        return self._with_point_at((self.center_x_px, self.center_y_px), region, x + dx, y + dy)

    def turned(self, quarter_turns: int) -> Placement:
        """Turned clockwise about the middle of the rectangle."""
        return dataclasses.replace(self, quarter_turns=(self.quarter_turns + quarter_turns) % 4)

    def flipped(self, *, across: bool) -> Placement:
        """Mirrored as seen on the screen: left to right if `across`, else top to bottom."""
        # Mirroring after a turn equals mirroring before it with the turn undone; top to bottom adds half a turn.
        turns = -self.quarter_turns + (0 if across else 2)
        return dataclasses.replace(self, mirrored=not self.mirrored, quarter_turns=turns % 4)

    def _point_at(self, region: Rect, x: float, y: float) -> tuple[float, float]:
        point = self.image_to_screen(region).inverse().apply((x, y))
        return float(point[0]), float(point[1])

    def _with_point_at(self, point: tuple[float, float], region: Rect, x: float, y: float) -> Placement:
        there = self.image_to_screen(region)
        middle_x, middle_y = (region.left + region.right) / 2, (region.top + region.bottom) / 2
        # Which film point belongs in the middle, if `point` is to lie at (x, y): undo the linear part of the offset.
        offset = dataclasses.replace(there, dx=0.0, dy=0.0).inverse().apply((middle_x - x, middle_y - y))
        return dataclasses.replace(self, center_x_px=point[0] + float(offset[0]), center_y_px=point[1] + float(offset[1]))


def _whole(value: float) -> bool:
    return value >= 1.0 and abs(value - round(value)) < 1e-9
