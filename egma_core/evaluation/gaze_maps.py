"""What maps are compared with when gaze is the judge: where readers looked, as points and as densities over the film.

All films are laid on one lattice of equal parts, in fractions of their width and height, so that gaze of different films
can be pooled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from egma_core.alignment.integrals import cell_masses
from egma_core.evaluation.saliency import density
from egma_core.examples.manifest import Example, ExampleSentence, GazeComponents
from egma_core.examples.splits import hash_fraction
from egma_core.inference.prediction import SimilarityMap
from egma_core.inference.similarity import on_image

SIDE = 64
"""Parts of the lattice along each axis: many a patch cell, and finer than gaze is known."""

MOST_NEGATIVES = 1000
"""Fixations of other films that are drawn for one film."""

OTHER_DENSITIES = 20
"""Gaze densities of other films that a correlation is compared with."""

Points = NDArray[np.float64]
"""(k, 3) x and y as fractions of the film's width and height, and seconds."""

Lattice = NDArray[np.float64]
"""(SIDE, SIDE) values over the film."""


@dataclass(frozen=True)
class JudgedMap:
    """A map that is compared with gaze.

    Attributes:
        lattice: Its values over the film.
        source: The similarity map that it was spread from, or None.
    """

    lattice: Lattice
    source: SimilarityMap | None = None

    @classmethod
    def of(cls, similarity: SimilarityMap) -> JudgedMap:
        """Spread a similarity map over the lattice."""
        return cls(on_image(similarity, (SIDE, SIDE)).astype(np.float64), similarity)

    def at(self, points: Points) -> NDArray[np.float64]:
        """(k,) values at (k, 3) points: of the similarity map itself where it comes from one, else of the lattice's parts."""
        if self.source is not None:
            return values_at(self.source, points[:, 0], points[:, 1])
        return self.lattice[parts(points)]

    @cached_property
    def density(self) -> Lattice:
        """The map as a density, with a hundredth of it spread evenly, so that no single fixation costs infinitely many bits."""
        return 0.99 * density(self.lattice) + 0.01 / self.lattice.size


@dataclass(frozen=True)
class OtherGaze:
    """What other films' readers, and other readers of the film, did while one film was read.

    Attributes:
        negatives: Fixations on films of other patients.
        centre: The mean density of gaze on films of other patients, smoothed: where readers look, whatever the film shows. Its
            shuffled AUC is a little below one half, since it was made of the gaze that the negatives come from.
        densities: (j, SIDE * SIDE) densities of single sentences of other patients, standardised.
        other_reader: The density of the gaze of the film's other readers, or None where nobody else read it.
    """

    negatives: Points
    centre: JudgedMap
    densities: NDArray[np.float64]
    other_reader: JudgedMap | None


class GazePool:
    """The gaze of one split, ready to be asked for what is not a given reading's own."""

    def __init__(self, examples: Sequence[Example], seed: int) -> None:
        """Pool the gaze of examples that have some.

        Args:
            examples: The examples.
            seed: Seed of what is drawn.
        """
        self._seed = seed
        self._examples = examples
        self._points = [np.concatenate([points_of(s, e) for s in e.sentences if s.gaze is not None]) for e in examples]
        self._densities = [np.sum([density(gaze_on_lattice(s, e)) for s in e.sentences if s.gaze is not None], axis=0) for e in examples]
        self._n_sentences = np.array([sum(s.gaze is not None for s in e.sentences) for e in examples])
        self._patients = np.array([e.patient for e in examples], dtype=np.str_)
        self._films = np.array([e.film for e in examples], dtype=np.str_)
        self._of_patient = {str(p): self._sum(self._patients == p) for p in np.unique(self._patients)}
        self._all = self._sum(np.ones(len(examples), dtype=bool))

    def beside(self, example: Example) -> OtherGaze | None:
        """What was looked at elsewhere; None if nobody read a film of another patient."""
        elsewhere = (self._patients != example.patient) & (self._films != example.film)
        if not elsewhere.any():
            return None
        mean = self._all - self._of_patient[example.patient]
        others = [e for e, is_other in zip(self._examples, elsewhere, strict=True) if is_other]
        points = np.concatenate([p for p, is_other in zip(self._points, elsewhere, strict=True) if is_other])
        again = [
            d
            for d, e in zip(self._densities, self._examples, strict=True)
            if e.film == example.film and e.reader != example.reader and e.id != example.id
        ]
        return OtherGaze(
            negatives=self._drawn(points, example.id),
            centre=JudgedMap(_smoothed(density(mean))),
            densities=self._other_densities(others, example.id),
            other_reader=JudgedMap(density(np.sum(again, axis=0))) if again else None,
        )

    def _sum(self, chosen: NDArray[np.bool_]) -> Lattice:
        return np.sum([d for d, is_chosen in zip(self._densities, chosen, strict=True) if is_chosen], axis=0)

    def _drawn(self, points: Points, example_id: str) -> Points:
        if len(points) <= MOST_NEGATIVES:
            return points
        return points[self._random("negatives", example_id).choice(len(points), MOST_NEGATIVES, replace=False)]

    def _other_densities(self, others: Sequence[Example], example_id: str) -> NDArray[np.float64]:
        said = [(s, e) for e in others for s in e.sentences if s.gaze is not None]
        random = self._random("densities", example_id)
        chosen = random.choice(len(said), min(OTHER_DENSITIES, len(said)), replace=False).tolist()
        return np.stack([standardised(gaze_on_lattice(*said[i])) for i in chosen])

    def _random(self, purpose: str, example_id: str) -> np.random.Generator:
        return np.random.default_rng(int(hash_fraction(example_id, purpose, self._seed) * 2**53))


def _smoothed(pooled: Lattice) -> Lattice:
    """A twentieth of the film wider, so that the map of where readers look is not that of a few dots."""
    return density(gaussian_filter(pooled, SIDE / 20, mode="nearest"))


def standardised(values: Lattice) -> NDArray[np.float64]:
    """(SIDE * SIDE,) a map less its mean, at unit length; zeros for a flat one."""
    centred = (values - values.mean()).ravel()
    length = float(np.sqrt(centred @ centred))
    return centred / length if length > 1e-12 * max(1.0, float(np.abs(values).max())) else np.zeros(centred.shape)


def points_of(sentence: ExampleSentence, example: Example) -> Points:
    """Where the reader looked for a sentence, one row a fixation; none where that is not known."""
    rows, columns = example.image_shape
    gaze = sentence.gaze
    return np.zeros((0, 3)) if gaze is None else np.column_stack([gaze.x_px / columns, gaze.y_px / rows, gaze.weight_s])


def gaze_on_lattice(sentence: ExampleSentence, example: Example) -> Lattice:
    """The gaze of a sentence as seconds in each part of the film, cut off where the film was not visible."""
    gaze = sentence.gaze or GazeComponents(*(np.zeros(0) for _ in range(4)), visible=np.zeros((0, 4)))
    rows, columns = example.image_shape
    left, top, right, bottom = gaze.visible.T
    edges = np.linspace(0.0, 1.0, SIDE + 1)
    down = cell_masses(edges * rows, gaze.y_px, gaze.sigma_px, top, bottom) * gaze.weight_s[:, None]
    return down.T @ cell_masses(edges * columns, gaze.x_px, gaze.sigma_px, left, right)


def parts(points: Points) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column (k,) of the lattice's part that each point lies in; the nearest one for points off the film."""
    place = np.clip((points[:, :2] * SIDE).astype(np.int64), 0, SIDE - 1)
    return place[:, 1], place[:, 0]


def values_at(similarity: SimilarityMap, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """A similarity map's values at places on its film, bilinear between the centres of the cells.

    Args:
        similarity: The map.
        x: (k,) places as fractions of the film's width.
        y: (k,) places as fractions of the film's height.

    Returns:
        (k,) cosines; beyond the outermost centres the nearest one's row or column goes on.
    """
    rows, columns = similarity.image_shape
    cell = similarity.grid.image_to_patch().apply(np.column_stack([x * columns, y * rows])) - 0.5
    cosine = similarity.cosine.astype(np.float64)
    across = np.clip(cell[:, 0], 0, cosine.shape[1] - 1)
    down = np.clip(cell[:, 1], 0, cosine.shape[0] - 1)
    left, top = np.floor(across).astype(int), np.floor(down).astype(int)
    right, bottom = np.minimum(left + 1, cosine.shape[1] - 1), np.minimum(top + 1, cosine.shape[0] - 1)
    part_x, part_y = across - left, down - top
    upper = cosine[top, left] * (1 - part_x) + cosine[top, right] * part_x
    lower = cosine[bottom, left] * (1 - part_x) + cosine[bottom, right] * part_x
    return upper * (1 - part_y) + lower * part_y
