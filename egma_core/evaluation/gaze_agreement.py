"""Agreement with readers' gaze: does a sentence's similarity map rise where the reader looked while saying it?

The first figure is the shuffled AUC (Zhang et al. 2008): positives are the map's values at this sentence's fixations,
negatives its values where other films' readers looked, so that a mere bias towards the middle of the film earns
nothing. The field's other measures (`saliency`) stand beside it. Each is meaningless alone, so other maps are judged in the
same way: the same sentence on another film (words alone can tell where to look: 'left base'), another sentence on the same
film, where readers look on any film, and where another reader of this film looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core.evaluation import saliency
from egma_core.evaluation.gaze_maps import SIDE, GazePool, JudgedMap, OtherGaze, gaze_on_lattice, parts, points_of, standardised
from egma_core.evaluation.metrics import Estimate, auroc, finite_or_none
from egma_core.evaluation.scorers import FILMS_AT_ONCE, FilmScorer, Progress
from egma_core.examples.manifest import Example, ExampleSentence, Manifest
from egma_core.examples.splits import Split, hash_fraction

MEASURES = ("shuffled_auc", "nss", "auc_judd", "cc", "shuffled_cc", "sim", "kl", "ig")
"""What is measured: `kl` is better low, all others high."""

MAPS = ("model", "swapped_film", "shuffled_sentence", "centre_bias", "other_reader")
"""Which maps are judged."""


@dataclass(frozen=True)
class GazeAgreement:
    """Agreement on one split. Figures are means over sentences; NaN means that nothing could be compared.

    Attributes:
        split: The split.
        shuffled_auc: The map of the sentence on its own film; 0.5 is chance.
        ci95: Its interval; patients are redrawn together.
        n_sentences: Sentences with gaze that it is over.
        swapped_film: The shuffled AUC of the same sentence's map on a film of another patient that shares none of the
            labels, scored at the same places: what the words alone tell of where to look.
        own_minus_swapped: The difference, sentence by sentence.
        shuffled_sentence: That of the map of another sentence of the same reading, at this sentence's fixations.
        own_minus_shuffled: The difference, sentence by sentence.
        measures: For each of `MAPS`, each of `MEASURES`.
        per_image: Each of `MEASURES` for the model's map, averaged over a film's sentences first.
        duration_weighted: Whether fixations count by their duration (in the shuffled AUC, NSS and information gain).
    """

    split: Split
    shuffled_auc: float
    ci95: tuple[float, float]
    n_sentences: int
    swapped_film: Estimate
    own_minus_swapped: Estimate
    shuffled_sentence: Estimate
    own_minus_shuffled: Estimate
    measures: dict[str, dict[str, Estimate]]
    per_image: dict[str, Estimate]
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
            "measures": {judged: {name: e.to_json() for name, e in of.items()} for judged, of in self.measures.items()},
            "per_image": {name: e.to_json() for name, e in self.per_image.items()},
            "duration_weighted": self.duration_weighted,
        }


@dataclass(frozen=True)
class _Case:
    """One sentence: whose film it was said of, and (maps, measures) figures, NaN where there is none."""

    patient: str
    film: str
    figures: NDArray[np.float64]


def evaluate_gaze_agreement(
    predictor: FilmScorer,
    manifest: Manifest,
    split: Split = "test",
    *,
    duration_weighted: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
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
    all_examples = manifest.of(split)
    examples = [e for e in all_examples if any(s.gaze is not None for s in e.sentences)]
    pool = GazePool(examples, seed)
    swapped = [_film_without(e, all_examples, seed) for e in examples]
    cases: list[_Case] = []
    for i, example in enumerate(examples):
        if i % FILMS_AT_ONCE == 0:
            block = examples[i : i + FILMS_AT_ONCE]
            needed = [*block, *(s for s in swapped[i : i + FILMS_AT_ONCE] if s is not None)]
            predictor.remember([manifest.film_path(e) for e in needed], [s.text for e in block for s in e.sentences])
        beside = pool.beside(example)
        if beside is not None:
            cases += _cases(predictor, manifest, example, swapped[i], beside, duration_weighted)
        if progress is not None:
            progress(i + 1, len(examples))
    return _summary(split, cases, duration_weighted, seed)


def _cases(
    predictor: FilmScorer, manifest: Manifest, example: Example, swapped: Example | None, beside: OtherGaze, weighted: bool
) -> list[_Case]:
    texts = [s.text for s in example.sentences]
    own = [JudgedMap.of(m) for m in predictor.predict(manifest.film_path(example), texts).maps]
    elsewhere = [JudgedMap.of(m) for m in predictor.predict(manifest.film_path(swapped), texts).maps] if swapped is not None else None
    cases: list[_Case] = []
    for i, sentence in enumerate(example.sentences):
        if sentence.gaze is None:
            continue
        other = next((j for j in (*range(i + 1, len(texts)), *range(i)) if texts[j] != texts[i]), None)
        judged = {
            "model": own[i],
            "swapped_film": None if elsewhere is None else elsewhere[i],
            "shuffled_sentence": None if other is None else own[other],
            "centre_bias": beside.centre,
            "other_reader": beside.other_reader,
        }
        gaze = _SentenceGaze.of(sentence, example, beside, weighted)
        cases.append(_Case(example.patient, example.film, np.array([gaze.judge(judged[name]) for name in MAPS])))
    return cases


@dataclass(frozen=True)
class _SentenceGaze:
    """One sentence's gaze, ready to judge maps by."""

    points: NDArray[np.float64]
    weight: NDArray[np.float64] | None
    fixated: NDArray[np.bool_]
    density: NDArray[np.float64]
    standardised: NDArray[np.float64]
    beside: OtherGaze

    @classmethod
    def of(cls, sentence: ExampleSentence, example: Example, beside: OtherGaze, weighted: bool) -> _SentenceGaze:
        points = points_of(sentence, example)
        fixated = np.zeros((SIDE, SIDE), dtype=bool)
        fixated[parts(points)] = True
        density = gaze_on_lattice(sentence, example)
        return cls(points, points[:, 2] if weighted else None, fixated, density, standardised(density), beside)

    def judge(self, judged: JudgedMap | None) -> list[float]:
        """The `MEASURES` of one map."""
        if judged is None:
            return [float("nan")] * len(MEASURES)
        points = np.concatenate([self.points, self.beside.negatives])
        values = judged.at(points)
        is_positive = np.arange(len(points)) < len(self.points)
        ours = standardised(judged.lattice)
        cc = float(ours @ self.standardised) if ours.any() and self.standardised.any() else float("nan")
        place = parts(self.points)
        return [
            auroc(is_positive, values, None if self.weight is None else points[:, 2]),
            saliency.nss(judged.lattice, values[: len(self.points)], self.weight),
            saliency.auc_judd(judged.lattice, self.fixated),
            cc,
            cc - float((self.beside.densities @ ours).mean()),
            saliency.similarity(judged.lattice, self.density),
            saliency.divergence(judged.lattice, self.density),
            saliency.information_gain(judged.density[place], self.beside.centre.density[place], self.weight),
        ]


def _summary(split: Split, cases: Sequence[_Case], weighted: bool, seed: int) -> GazeAgreement:
    patients = [case.patient for case in cases]
    figures = np.stack([case.figures for case in cases]) if cases else np.zeros((0, len(MAPS), len(MEASURES)))

    def estimate(values: NDArray[np.float64]) -> Estimate:
        return Estimate.of(values, patients, seed)

    auc = {name: figures[:, i, 0] for i, name in enumerate(MAPS)}
    own = estimate(auc["model"])
    films = {case.film: case.patient for case in cases}
    of_film = [figures[np.array([case.film == film for case in cases]), 0] for film in films]
    by_film = np.array([[_mean(column) for column in rows.T] for rows in of_film]).reshape(-1, len(MEASURES))
    return GazeAgreement(
        split=split,
        shuffled_auc=own.value,
        ci95=own.ci95,
        n_sentences=own.n,
        swapped_film=estimate(auc["swapped_film"]),
        own_minus_swapped=estimate(auc["model"] - auc["swapped_film"]),
        shuffled_sentence=estimate(auc["shuffled_sentence"]),
        own_minus_shuffled=estimate(auc["model"] - auc["shuffled_sentence"]),
        measures={judged: {name: estimate(figures[:, i, j]) for j, name in enumerate(MEASURES)} for i, judged in enumerate(MAPS)},
        per_image={name: Estimate.of(by_film[:, j], list(films.values()), seed) for j, name in enumerate(MEASURES)},
        duration_weighted=weighted,
    )


def _mean(values: NDArray[np.float64]) -> float:
    return float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else float("nan")


def _film_without(example: Example, examples: Sequence[Example], seed: int) -> Example | None:
    """A film of another patient that shares no label with this one; None where there is none, or nothing is known of this one."""
    if not example.labels:
        return None
    candidates = [e for e in examples if e.patient != example.patient and not set(e.labels) & set(example.labels)]
    return candidates[int(hash_fraction(example.id, "swapped film", seed) * len(candidates))] if candidates else None
