"""Agreement with readers' gaze: does a sentence's similarity map rise where the reader looked while saying it?

The figure is the shuffled AUC (Zhang et al. 2008): positives are the map's values at this sentence's fixations,
negatives its values where other films' readers looked, so that a mere bias towards the middle of the film earns
nothing. Words alone can tell where to look ('left base'), so the same sentence is scored on another film as well,
and another sentence on the same film; what a model has learnt to see is the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core.evaluation.metrics import Estimate, auroc, finite_or_none
from egma_core.evaluation.zero_shot import FilmScorer
from egma_core.examples.manifest import Example, ExampleSentence, Manifest
from egma_core.examples.splits import Split, hash_fraction
from egma_core.inference.prediction import SimilarityMap

MOST_NEGATIVES = 1000
"""Fixations of other films that are drawn for one film."""

Points = NDArray[np.float64]
"""(k, 3) x and y as fractions of the film's width and height, and seconds."""


@dataclass(frozen=True)
class GazeAgreement:
    """Shuffled AUC on one split: mean over sentences; 0.5 is chance, NaN means that nothing could be compared.

    Attributes:
        split: The split.
        shuffled_auc: The map of the sentence on its own film.
        ci95: Its interval; patients are redrawn together.
        n_sentences: Sentences with gaze that it is over.
        swapped_film: The same sentence's map on a film of another patient that shares none of the labels, scored at
            the same places: what the words alone tell of where to look.
        own_minus_swapped: The difference, sentence by sentence.
        shuffled_sentence: The map of another sentence of the same reading, at this sentence's fixations.
        own_minus_shuffled: The difference, sentence by sentence.
        duration_weighted: Whether fixations count by their duration.
    """

    split: Split
    shuffled_auc: float
    ci95: tuple[float, float]
    n_sentences: int
    swapped_film: Estimate
    own_minus_swapped: Estimate
    shuffled_sentence: Estimate
    own_minus_shuffled: Estimate
    duration_weighted: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for JSON; undefined figures become null."""
        return {
            "split": self.split,
            "shuffled_auc": finite_or_none(self.shuffled_auc),
            "ci95": [finite_or_none(x) for x in self.ci95],
            "n_sentences": self.n_sentences,
            "swapped_film": self.swapped_film.to_json(),
            "own_minus_swapped": self.own_minus_swapped.to_json(),
            "shuffled_sentence": self.shuffled_sentence.to_json(),
            "own_minus_shuffled": self.own_minus_shuffled.to_json(),
            "duration_weighted": self.duration_weighted,
        }


@dataclass(frozen=True)
class _Case:
    """One sentence's shuffled AUCs: own film, swapped film, shuffled sentence; NaN where there is none."""

    patient: str
    own: float
    swapped: float
    shuffled: float


def evaluate_gaze_agreement(
    predictor: FilmScorer,
    manifest: Manifest,
    split: Split = "test",
    *,
    duration_weighted: bool = False,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> GazeAgreement:
    """Compare similarity maps with gaze, sentence by sentence, over one split.

    Args:
        predictor: The model.
        manifest: The examples.
        split: The split to report on.
        duration_weighted: Let fixations count by their duration.
        seed: Seed of the drawn negatives, swapped films and intervals.
        progress: Called with readings done and readings in all.
    """
    examples = [e for e in manifest.of(split) if any(s.gaze is not None for s in e.sentences)]
    looked_at = {e.id: np.concatenate([_points(s, e) for s in e.sentences if s.gaze is not None]) for e in examples}
    cases: list[_Case] = []
    for i, example in enumerate(examples):
        elsewhere = [looked_at[other.id] for other in examples if other.patient != example.patient and other.film != example.film]
        if elsewhere:
            negatives = _drawn(np.concatenate(elsewhere), example.id, seed)
            swapped = _film_without(example, manifest.of(split), seed)
            cases += _cases(predictor, manifest, example, swapped, negatives, duration_weighted)
        if progress is not None:
            progress(i + 1, len(examples))
    return _summary(split, cases, duration_weighted, seed)


def _cases(
    predictor: FilmScorer, manifest: Manifest, example: Example, swapped: Example | None, negatives: Points, weighted: bool
) -> list[_Case]:
    texts = [s.text for s in example.sentences]
    own_maps = predictor.predict(manifest.film_path(example), texts).maps
    swapped_maps = predictor.predict(manifest.film_path(swapped), texts).maps if swapped is not None else ()
    cases: list[_Case] = []
    for i, sentence in enumerate(example.sentences):
        if sentence.gaze is None:
            continue
        positives = _points(sentence, example)
        own = _shuffled_auc(own_maps[i], positives, negatives, weighted)
        on_swapped = _shuffled_auc(swapped_maps[i], positives, negatives, weighted) if swapped_maps else float("nan")
        other = next((j for j in (*range(i + 1, len(texts)), *range(i)) if texts[j] != texts[i]), None)
        of_other = _shuffled_auc(own_maps[other], positives, negatives, weighted) if other is not None else float("nan")
        cases.append(_Case(example.patient, own, on_swapped, of_other))
    return cases


def _summary(split: Split, cases: Sequence[_Case], weighted: bool, seed: int) -> GazeAgreement:
    def estimate(figure: Callable[[_Case], float]) -> Estimate:
        found = [(figure(case), case.patient) for case in cases if np.isfinite(figure(case))]
        return Estimate.of([value for value, _ in found], [patient for _, patient in found], seed)

    own = estimate(lambda case: case.own)
    return GazeAgreement(
        split=split,
        shuffled_auc=own.value,
        ci95=own.ci95,
        n_sentences=own.n,
        swapped_film=estimate(lambda case: case.swapped),
        own_minus_swapped=estimate(lambda case: case.own - case.swapped),
        shuffled_sentence=estimate(lambda case: case.shuffled),
        own_minus_shuffled=estimate(lambda case: case.own - case.shuffled),
        duration_weighted=weighted,
    )


def _points(sentence: ExampleSentence, example: Example) -> Points:
    rows, columns = example.image_shape
    gaze = sentence.gaze
    return np.zeros((0, 3)) if gaze is None else np.column_stack([gaze.x_px / columns, gaze.y_px / rows, gaze.weight_s])


def _drawn(points: Points, example_id: str, seed: int) -> Points:
    if len(points) <= MOST_NEGATIVES:
        return points
    random = np.random.default_rng(int(hash_fraction(example_id, "negatives", seed) * 2**53))
    return points[random.choice(len(points), MOST_NEGATIVES, replace=False)]


def _film_without(example: Example, examples: Sequence[Example], seed: int) -> Example | None:
    """A film of another patient that shares no label with this one; None where there is none, or nothing is known of this one."""
    if not example.labels:
        return None
    candidates = [e for e in examples if e.patient != example.patient and not set(e.labels) & set(example.labels)]
    return candidates[int(hash_fraction(example.id, "swapped film", seed) * len(candidates))] if candidates else None


def _shuffled_auc(similarity: SimilarityMap, positives: Points, negatives: Points, weighted: bool) -> float:
    points = np.concatenate([positives, negatives])
    is_positive = np.arange(len(points)) < len(positives)
    return auroc(is_positive, values_at(similarity, points[:, 0], points[:, 1]), points[:, 2] if weighted else None)


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
