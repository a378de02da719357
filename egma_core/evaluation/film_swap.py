"""Grounding as own film minus swapped film: does a sentence find its finding, or only the place that its words name?

Pointing at a true box can be had from words alone: 'left base' tells where to look on any film. So every sentence is
scored twice: on its own film, and on films that lack the finding, at the same box. What a model gains on its own film
is what it has seen. A model that only knows words has a gain of zero, whatever its plain pointing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egma_core.alignment.patches import PatchGrid
from egma_core.geometry import Rect

MOST_OF_THE_BEST = 0.5
"""A cell counts as on a box if it covers at least this share of what the best-placed cell covers of it."""


@dataclass(frozen=True)
class FilmSwap:
    """Pointing of q sentences on their own films and on others; each array has shape (q,).

    Attributes:
        own: Whether the best patch of the own film lies on the box, 0 or 1.
        swapped: The share of the films without the finding whose best patch lies there too; NaN where there is no such film.
        chance: The share of patches that lie on the box: what a random patch would reach.
    """

    own: NDArray[np.float64]
    swapped: NDArray[np.float64]
    chance: NDArray[np.float64]

    @property
    def gain(self) -> NDArray[np.float64]:
        """Own minus swapped, sentence by sentence."""
        return self.own - self.swapped

    def means(self, chosen: NDArray[np.bool_]) -> dict[str, float | int]:
        """Means over some sentences that have both: `own`, `swapped`, `own_minus_swapped`, `chance`, and their number `n`.

        Args:
            chosen: (q,) which sentences count; a mean over none is NaN.
        """
        kept = chosen & np.isfinite(self.swapped)
        columns = {"own": self.own, "swapped": self.swapped, "own_minus_swapped": self.gain, "chance": self.chance}
        means: dict[str, float | int] = {
            name: float(column[kept].mean()) if kept.any() else float("nan") for name, column in columns.items()
        }
        return {**means, "n": int(kept.sum())}


def cells_on(boxes: Sequence[Rect], grids: Sequence[PatchGrid]) -> NDArray[np.bool_]:
    """Which cells of a patch grid lie on each box.

    A cell lies on a box if it covers at least half as much of it as the best-placed cell does. So a finding smaller than a
    cell has the one to four cells that it falls into, and a large one all that it fills; none is without.

    Args:
        boxes: q boxes in image pixels.
        grids: The grid of each box's film, all of one shape; upright.

    Returns:
        (q, N) bool, cells in row-major order; a row is empty only where the box lies outside the picture.
    """
    rows: list[NDArray[np.bool_]] = []
    for box, grid in zip(boxes, grids, strict=True):
        (left, top), (right, bottom) = grid.image_to_patch().apply([(box.left, box.top), (box.right, box.bottom)])
        across = _overlaps(min(left, right), max(left, right), grid.columns)
        down = _overlaps(min(top, bottom), max(top, bottom), grid.rows)
        covered = (down[:, None] * across[None, :]).ravel()
        rows.append((covered > 0) & (covered >= MOST_OF_THE_BEST * covered.max()))
    return np.stack(rows) if rows else np.zeros((0, 0), dtype=np.bool_)


def film_swap(best: NDArray[np.int64], film: NDArray[np.int64], on_box: NDArray[np.bool_], without: NDArray[np.bool_]) -> FilmSwap:
    """Compare each sentence's pointing on its own film with its pointing on every film that lacks the finding.

    All films without the finding are used, not one drawn at random: this is the mean that drawing estimates.

    Args:
        best: (q, F) index of each film's best patch for each sentence.
        film: (q,) index of each sentence's own film.
        on_box: (q, N) which patches lie on the finding's box (see `cells_on`).
        without: (q, F) which films lack the sentence's finding, and may be swapped in; never the own film.
    """
    hit = np.take_along_axis(on_box, best, axis=1)
    own = np.take_along_axis(hit, film[:, None], axis=1)[:, 0].astype(np.float64)
    n = without.sum(axis=1)
    swapped = np.divide((hit & without).sum(axis=1), n, out=np.full(len(n), np.nan), where=n > 0)
    return FilmSwap(own, swapped, on_box.mean(axis=1, dtype=np.float64))


def _overlaps(low: float, high: float, cells: int) -> NDArray[np.float64]:
    """(cells,) length of each unit cell that lies between two places."""
    edges = np.arange(cells + 1, dtype=np.float64)
    return np.maximum(0.0, np.minimum(edges[1:], high) - np.maximum(edges[:-1], low))
