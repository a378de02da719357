"""Phrase grounding: is a phrase's similarity map high where somebody drew a box for it?

Plain grounding flatters: location words alone tell where to look ('left base'). Read it beside the same phrase on another
film (`film_swap`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import ConfigError
from egma_core.evaluation.boxes import GroundingCase
from egma_core.evaluation.metrics import Estimate, bootstrap_ci95, finite_or_none
from egma_core.evaluation.scorers import FILMS_AT_ONCE, FilmScorer, Progress
from egma_core.inference.similarity import on_image

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
"""A map is cut at each of these, and the overlap is their mean."""

Normalisation = Literal["minmax", "cosine"]
"""What is cut: the map brought to 0..1 on this film, or the cosines as they are. It changes the overlap, so it is part of it."""

MOST_PARTS = 512
"""Maps are compared with boxes on the film's own pixels, up to this many along each axis, else on as many equal parts."""

MEASURES = ("cnr", "absolute_cnr", "miou", "pointing", "energy", "box_share")

Map = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


def contrast_to_noise(values: Map, inside: Mask) -> float:
    """Contrast to noise ratio: (mean inside - mean outside) / sqrt(variance inside + variance outside); Boecking et al. 2022, signed.

    Args:
        values: (rows, columns) the map as it is; NaN where the model did not see the film, which is left out.
        inside: (rows, columns) whether each place lies in a box.

    Returns:
        The ratio; 0 where the map is flat on both sides, NaN without an inside or an outside.
    """
    seen = np.isfinite(values)
    within, without = values[seen & inside].astype(np.float64), values[seen & ~inside].astype(np.float64)
    if not len(within) or not len(without):
        return float("nan")
    noise = float(np.sqrt(within.var() + without.var()))
    difference = float(within.mean() - without.mean())
    return difference / noise if noise > 1e-12 * max(1.0, abs(difference)) else 0.0


def mean_iou(values: Map, inside: Mask, normalisation: Normalisation = "minmax") -> float:
    """Mean over `THRESHOLDS` of the overlap (intersection over union) of what lies above the threshold with the boxes."""
    seen = np.isfinite(values)
    if not (seen & inside).any():
        return float("nan")
    chosen, boxed = values[seen].astype(np.float64), inside[seen]
    if normalisation == "minmax":
        low, spread = chosen.min(), np.ptp(chosen)
        chosen = (chosen - low) / spread if spread > 0 else np.zeros_like(chosen)
    overlaps = [np.count_nonzero((chosen > t) & boxed) / np.count_nonzero((chosen > t) | boxed) for t in THRESHOLDS]
    return float(np.mean(overlaps))


def points_inside(values: Map, inside: Mask) -> float:
    """Pointing game (Zhang et al. 2016): whether the map's highest place lies in a box.

    Returns:
        1 or 0; among several highest places, the share of them that does, which is what pointing at one of them by lot reaches,
        so that a flat map gets no more than the boxes' share of the film. NaN where nothing was seen.
    """
    seen = np.isfinite(values)
    if not seen.any():
        return float("nan")
    highest = seen & (values >= values[seen].max())
    return float(np.count_nonzero(highest & inside) / np.count_nonzero(highest))


def energy_inside(values: Map, inside: Mask) -> float:
    """Share of the map's mass that lies in the boxes, the map shifted to start at 0 where it has negative values; NaN if it has none."""
    seen = np.isfinite(values)
    mass = values[seen].astype(np.float64)
    if not len(mass):
        return float("nan")
    mass = mass - min(0.0, float(mass.min()))
    return float(mass[inside[seen]].sum() / mass.sum()) if mass.sum() > 0 else float("nan")


@dataclass(frozen=True)
class Grounding:
    """Grounding of phrases.

    The measures are `cnr`, `absolute_cnr`, `miou`, `pointing`, `energy`, and `box_share`: the share of the film that lies in
    boxes, which is what a random place's pointing and a flat map's energy reach.

    Attributes:
        n_films: Films with boxes that were at hand.
        n_phrases: Phrases on them.
        n_missing: Phrases of the table whose film was not at hand.
        normalisation: What the overlap's thresholds cut.
        tolerance_px: How far beside a box the pointing game forgives, in film pixels.
        macro: Each measure: means of each finding's phrases, averaged over findings; intervals redraw patients.
        by_label: Each measure's mean over one finding's phrases.
        n_by_label: Phrases of each finding.
    """

    n_films: int
    n_phrases: int
    n_missing: int
    normalisation: Normalisation
    tolerance_px: float
    macro: dict[str, Estimate]
    by_label: dict[str, dict[str, float]]
    n_by_label: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for JSON; undefined figures become null."""
        return {
            "n_films": self.n_films,
            "n_phrases": self.n_phrases,
            "n_missing": self.n_missing,
            "normalisation": self.normalisation,
            "thresholds": list(THRESHOLDS),
            "tolerance_px": self.tolerance_px,
            "macro": {name: estimate.to_json() for name, estimate in self.macro.items()},
            "by_label": {
                label: {"n": self.n_by_label[label], **{name: finite_or_none(value) for name, value in figures.items()}}
                for label, figures in self.by_label.items()
            },
        }


def evaluate_grounding(
    predictor: FilmScorer,
    cases: Sequence[GroundingCase],
    *,
    n_missing: int = 0,
    normalisation: Normalisation = "minmax",
    tolerance_px: float = 0.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Grounding:
    """Compare phrases' similarity maps with their boxes.

    Args:
        predictor: The model.
        cases: The phrases.
        n_missing: Phrases whose film was not at hand, for the report.
        normalisation: `minmax` or `cosine`.
        tolerance_px: How far beside a box the pointing game forgives, in film pixels.
        seed: Seed of the intervals.
        progress: Called with phrases done and phrases in all.

    Raises:
        ConfigError: There is no such normalisation, or a box lies off its film.
    """
    if normalisation not in get_args(Normalisation):
        raise ConfigError(f"There is no normalisation {normalisation!r}.", f"Choose one of: {', '.join(get_args(Normalisation))}.")
    ordered = sorted(cases, key=lambda case: str(case.path))
    figures = np.empty((len(ordered), len(MEASURES)))
    for i, case in enumerate(ordered):
        if i % FILMS_AT_ONCE == 0:
            block = ordered[i : i + FILMS_AT_ONCE]
            predictor.remember(list(dict.fromkeys(c.path for c in block)), [c.phrase.phrase for c in block])
        figures[i] = _figures(predictor, case, normalisation, tolerance_px)
        if progress is not None:
            progress(i + 1, len(ordered))
    names, label = np.unique(np.array([case.phrase.label for case in ordered], dtype=np.str_), return_inverse=True)
    patients = [case.patient for case in ordered]
    macro = {name: _macro(figures[:, j], label, patients, seed) for j, name in enumerate(MEASURES)}
    return Grounding(
        n_films=len({case.path for case in ordered}),
        n_phrases=len(ordered),
        n_missing=n_missing,
        normalisation=normalisation,
        tolerance_px=tolerance_px,
        macro=macro,
        by_label={str(n): {m: _mean(figures[label == i, j]) for j, m in enumerate(MEASURES)} for i, n in enumerate(names)},
        n_by_label={str(n): int((label == i).sum()) for i, n in enumerate(names)},
    )


def _figures(predictor: FilmScorer, case: GroundingCase, normalisation: Normalisation, tolerance_px: float) -> tuple[float, ...]:
    similarity = predictor.predict(case.path, [case.phrase.phrase]).maps[0]
    rows, columns = similarity.image_shape
    drawn_on = case.phrase.shape or (float(rows), float(columns))
    boxes = case.phrase.boxes * np.tile([columns / drawn_on[1], rows / drawn_on[0]], 2)
    if (boxes[:, :2] >= [columns, rows]).any() or (boxes[:, 2:] <= 0).any():
        raise ConfigError(
            f"A box of the phrase '{case.phrase.phrase}' lies off its film of {columns} x {rows} pixels.",
            "Give image_width and image_height where boxes were drawn on a picture of another size.",
        )
    lattice = (min(rows, MOST_PARTS), min(columns, MOST_PARTS))
    values = on_image(similarity, lattice)
    inside = box_mask(boxes, (rows, columns), lattice)
    near = box_mask(boxes + np.array([-1, -1, 1, 1]) * tolerance_px, (rows, columns), lattice) if tolerance_px else inside
    contrast = contrast_to_noise(values, inside)
    return (
        contrast,
        abs(contrast),
        mean_iou(values, inside, normalisation),
        points_inside(values, near),
        energy_inside(values, inside),
        float(inside[np.isfinite(values)].mean()),
    )


def box_mask(boxes: NDArray[np.float64], image_shape: tuple[int, int], lattice: tuple[int, int]) -> Mask:
    """Which parts of a film have their centre in a box; a box that holds no centre has the part that its middle lies in.

    Args:
        boxes: (k, 4) left, top, right, bottom in film pixels.
        image_shape: (rows, columns) of the film.
        lattice: (rows, columns) of equal parts.
    """
    mask = np.zeros(lattice, dtype=bool)
    scale = np.array([lattice[1] / image_shape[1], lattice[0] / image_shape[0]] * 2)
    for left, top, right, bottom in (boxes * scale).tolist():
        down, across = _parts(top, bottom, lattice[0]), _parts(left, right, lattice[1])
        mask[down, across] = True
    return mask


def _parts(low: float, high: float, n: int) -> slice:
    first, last = max(0, int(np.ceil(low - 0.5))), min(n, int(np.ceil(high - 0.5)))
    if first < last:
        return slice(first, last)
    middle = int(np.clip((low + high) / 2, 0, n - 1))
    return slice(middle, middle + 1)


def _macro(values: NDArray[np.float64], label: NDArray[np.int64], patients: Sequence[str], seed: int) -> Estimate:
    def statistic(drawn: NDArray[np.int64]) -> float:
        chosen = drawn[np.isfinite(values[drawn])]
        counts = np.bincount(label[chosen])
        sums = np.bincount(label[chosen], weights=values[chosen])
        return float((sums[counts > 0] / counts[counts > 0]).mean()) if len(chosen) else float("nan")

    return Estimate(statistic(np.arange(len(values))), bootstrap_ci95(statistic, patients, seed=seed), int(np.isfinite(values).sum()))


def _mean(values: NDArray[np.float64]) -> float:
    return float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else float("nan")
