"""Does a sentence find its finding, or only the place that its words name? Pointing at a box, beside what points there without it.

Pointing at a true box can be had from words alone: 'left base' tells where to look on any film. So every sentence is also scored
at the same box in three situations where it should not be drawn there: on its own film with the finding taken away (and nothing
else changed), on other films that lack the finding, and against another sentence, about something else on the same film. The first
difference is what is seen: it is zero for whoever knows the film's anatomy and the words, but not the finding. The second is not,
since a box stays at its pixels while another film has another anatomy. The third is zero for whoever points at anything abnormal.
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

CONTROLS = ("removed", "swapped", "other")
"""What own pointing is compared with."""


@dataclass(frozen=True)
class FilmSwap:
    """Pointing of q sentences at their findings' boxes; each array has shape (q,), NaN where it is undefined.

    Attributes:
        own: Whether the best patch of the own film lies on the box, 0 or 1.
        removed: The same on the own film without the finding.
        swapped: The share of the films without the finding whose best patch lies there too.
        other: The share of the other sentences on the own film, about its other findings, whose best patch lies there too.
        chance: The share of patches that lie on the box: what a random patch would reach.
    """

    own: NDArray[np.float64]
    removed: NDArray[np.float64]
    swapped: NDArray[np.float64]
    other: NDArray[np.float64]
    chance: NDArray[np.float64]

    def means(self, chosen: NDArray[np.bool_]) -> dict[str, float | int]:
        """Means over some sentences: `own`, `chance` and their number `n`, and for each control, over those that have it, three more.

        These are its mean (`removed`), the difference (`own_minus_removed`) and their number (`n_removed`).

        Args:
            chosen: (q,) which sentences count; a mean over none is NaN.
        """
        means: dict[str, float | int] = {"own": _mean(self.own[chosen]), "chance": _mean(self.chance[chosen]), "n": int(chosen.sum())}
        for name in CONTROLS:
            control: NDArray[np.float64] = getattr(self, name)
            both = chosen & np.isfinite(control)
            means[name] = _mean(control[both])
            means[f"own_minus_{name}"] = _mean((self.own - control)[both])
            means[f"n_{name}"] = int(both.sum())
        return means


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
    if not len(boxes):
        return np.zeros((0, 0), dtype=np.bool_)
    to_patch = {grid: grid.image_to_patch() for grid in set(grids)}
    corners = np.array([(box.left, box.top, box.right, box.bottom) for box in boxes])
    xx, dx, yy, dy = np.array([(t.xx, t.dx, t.yy, t.dy) for t in (to_patch[grid] for grid in grids)]).T[:, :, None]
    across = _overlaps(corners[:, [0, 2]] * xx + dx, grids[0].columns)
    down = _overlaps(corners[:, [1, 3]] * yy + dy, grids[0].rows)
    covered = (down[:, :, None] * across[:, None, :]).reshape(len(boxes), -1)
    return (covered > 0) & (covered >= MOST_OF_THE_BEST * covered.max(axis=1, keepdims=True))


def film_swap(
    best: NDArray[np.int64],
    film: NDArray[np.int64],
    on_box: NDArray[np.bool_],
    without: NDArray[np.bool_],
    removed: NDArray[np.int64],
    others: NDArray[np.bool_],
) -> FilmSwap:
    """Compare each sentence's pointing on its own film with its pointing where its finding is not, and with other sentences'.

    All films without the finding are used, and all other sentences, not one drawn at random: this is the mean that drawing estimates.

    Args:
        best: (q, F) index of each film's best patch for each sentence.
        film: (q,) index of each sentence's own film.
        on_box: (q, N) which patches lie on the finding's box (see `cells_on`).
        without: (q, F) which films lack the sentence's finding, and may be swapped in; never the own film.
        removed: (q,) index of the best patch for each sentence of its own film without the finding.
        others: (q, q) which sentences (columns) are the other ones of each sentence's film; never itself.
    """
    hit = np.take_along_axis(on_box, best, axis=1)
    on_own_film = np.take_along_axis(best, film[:, None], axis=1)[:, 0]
    every = np.arange(len(film))
    return FilmSwap(
        own=on_box[every, on_own_film].astype(np.float64),
        removed=on_box[every, removed].astype(np.float64),
        swapped=share_of(hit, without),
        other=share_of(on_box[:, on_own_film], others),
        chance=on_box.mean(axis=1, dtype=np.float64),
    )


def share_of(values: NDArray[np.bool_] | NDArray[np.float64], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(q,) mean of each row of (q, k) values over its chosen ones; NaN where none is chosen."""
    n = chosen.sum(axis=1)
    return np.divide(np.where(chosen, values, 0).sum(axis=1), n, out=np.full(len(n), np.nan), where=n > 0)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _overlaps(ends: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    """(q, cells) length of each unit cell that lies between the two places of each row of (q, 2)."""
    edges = np.arange(cells + 1, dtype=np.float64)
    low, high = ends.min(axis=1, keepdims=True), ends.max(axis=1, keepdims=True)
    return np.maximum(0.0, np.minimum(edges[1:], high) - np.maximum(edges[:-1], low))
