"""The grid of patches a model sees, and where its cells lie on the film."""

from __future__ import annotations

from dataclasses import dataclass

from egma_core.geometry import Transform


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
