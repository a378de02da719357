"""Two readers who cheat in known ways, on a study's own test films: what each measure gives to someone who has not understood.

Both are followed in expectation, so that they need no seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core.ablation.outcomes import means_by_words
from egma_core.ablation.questions import Question, Questions
from egma_core.alignment.patches import PatchGrid
from egma_core.evaluation.film_swap import FilmSwap, cells_on, film_swap, share_of
from egma_core.geometry import Rect
from egma_core.synthetic.anatomy import SIDE, Side
from egma_core.synthetic.films import Phantom
from egma_core.synthetic.findings import FINDINGS, SEVERITIES, FindingName, Zone, possible_places, random_extent, with_enlarged_heart

DRAWS = 3
"""Positions of each severity that are tried for a finding of one place on one film, to find the patch that lies on it most often."""

PLACES: tuple[tuple[FindingName, Side | None, Zone], ...] = tuple(
    (name, side, zone) for name in FINDINGS for side, zone in possible_places(name)
)
"""Every finding with every place that it may have."""


@dataclass(frozen=True)
class Oracle:
    """One of them.

    Attributes:
        name: Short name.
        title: What it knows, for people.
        figures: `FilmSwap.means` by the kind of words (see `means_by_words`).
    """

    name: str
    title: str
    figures: Mapping[str, Mapping[str, Any]]


def oracles(asked: Questions, size_px: int, rows: int, columns: int) -> tuple[Oracle, ...]:
    """Both, on a model's patch grid.

    Args:
        asked: The questions.
        size_px: Side of the network picture.
        rows: Cells of the grid down.
        columns: Cells across.
    """
    grid = PatchGrid.fit(SIDE, SIDE, size_px, rows, columns)
    on_box = _cells([question.box for question in asked.every], grid)
    return tuple(
        Oracle(name, title, means_by_words(answer(asked, on_box, grid), asked.located))
        for name, title, answer in (
            ("words", "oracle: anatomy and words, never the film's findings", knows_anatomy_and_words),
            ("anything", "oracle: points at any finding, whatever the sentence", points_at_any_finding),
        )
    )


def knows_anatomy_and_words(asked: Questions, on_box: NDArray[np.bool_], grid: PatchGrid) -> FilmSwap:
    """Points where a finding of the sentence's kind, and of its place if it names one, lies most often in this film's anatomy.

    It knows every film's build and stance, the words, and how findings are spread; never what is wrong with this film.
    """
    spread = np.stack([_spread(phantom, grid) for phantom in asked.phantoms], axis=1)
    aims = dict(zip(PLACES, spread, strict=True))
    of_name = {name: np.mean([aim for place, aim in aims.items() if place[0] == name], axis=0) for name in FINDINGS}

    def best_of(question: Question) -> NDArray[np.int64]:
        aim = aims[question.finding, question.side, question.zone] if question.located else of_name[question.finding]
        return aim.argmax(axis=1)

    found = {(q.finding, q.side, q.zone, q.located): q for q in asked.every}
    best = {key: best_of(question) for key, question in found.items()}
    chosen = np.stack([best[q.finding, q.side, q.zone, q.located] for q in asked.every])
    # Without the finding the anatomy is the same, and nothing else is known: the same patch.
    removed = np.take_along_axis(chosen, asked.film[:, None], axis=1)[:, 0]
    return film_swap(chosen, asked.film, on_box, asked.without, removed, asked.others)


def points_at_any_finding(asked: Questions, on_box: NDArray[np.bool_], grid: PatchGrid) -> FilmSwap:
    """Points at the middle of one of the film's findings, each as often, and anywhere on a film without any."""
    middles = [[_middle(finding.box, grid) for finding in phantom.findings] for phantom in asked.phantoms]
    n = grid.rows * grid.columns
    hits = on_box @ np.stack([_evenly(cells, n) for cells in middles]).T
    every = np.arange(len(asked.every))
    own = hits[every, asked.film]
    left = [
        [cell for cell, finding in zip(middles[q.film], asked.phantoms[q.film].findings, strict=True) if finding.name != q.finding]
        for q in asked.every
    ]
    removed = (on_box * np.stack([_evenly(cells, n) for cells in left])).sum(axis=1)
    other = np.where(asked.others.any(axis=1), own, np.nan)
    return FilmSwap(own, removed, share_of(hits, asked.without), other, on_box.mean(axis=1, dtype=np.float64))


def _spread(phantom: Phantom, grid: PatchGrid) -> NDArray[np.float64]:
    """(P, N) how often each patch lies on the box of a finding of each of `PLACES`, in the phantom's anatomy."""
    rng, healthy = np.random.default_rng((phantom.seed, 17)), phantom.healthy_anatomy
    boxes: list[Rect] = []
    for name, side, zone in PLACES:
        for severity in SEVERITIES * DRAWS:
            anatomy = with_enlarged_heart(healthy, severity, rng) if name == "cardiomegaly" else healthy
            boxes.append(anatomy.stance.box(random_extent(name, anatomy, side, zone, severity, rng)))
    return _cells(boxes, grid).reshape(len(PLACES), -1, grid.rows * grid.columns).mean(axis=1)


def _cells(boxes: list[Rect], grid: PatchGrid) -> NDArray[np.bool_]:
    return cells_on(boxes, [grid] * len(boxes))


def _middle(box: Rect, grid: PatchGrid) -> int:
    column, row = grid.image_to_patch().apply(((box.left + box.right) / 2, (box.top + box.bottom) / 2)).tolist()
    return min(int(row), grid.rows - 1) * grid.columns + min(int(column), grid.columns - 1)


def _evenly(cells: list[int], n: int) -> NDArray[np.float64]:
    """(n,) shares of the given cells, or of all where none is given."""
    counts = np.bincount(cells, minlength=n) if cells else np.ones(n)
    return counts / counts.sum()
