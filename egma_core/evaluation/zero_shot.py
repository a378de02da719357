"""Zero-shot classification: how well a model names the finding of films it was not trained on, from prompts alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import ConfigError
from egma_core.evaluation import metrics
from egma_core.evaluation.resampling import auroc_of_draws, average_precision_of_draws, ranked_ci95
from egma_core.evaluation.scorers import FilmScorer, Progress, predictions
from egma_core.examples.manifest import Example, Manifest
from egma_core.examples.splits import Split
from egma_core.inference.prompts import PromptSet
from egma_core.speech.sentences import normalise_sentence

RANKING = ("macro_auroc", "macro_average_precision")
"""Figures of how films are ordered, over all labelled ones; the others need one class a film."""


@dataclass(frozen=True)
class LabelledFilm:
    """A film whose findings are known.

    Attributes:
        path: Its file.
        patient: The patient, so that intervals redraw patients.
        labels: Its labels, at least one.
    """

    path: Path
    patient: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class ZeroShot:
    """Zero-shot figures on one split. Shares are fractions; NaN means that the data do not define a figure.

    Attributes:
        split: The split.
        classes: Names of the C classes.
        n: Films with exactly one of the classes among their labels; accuracy and its kin are over these.
        n_labelled: Films with any label; the ranking figures are over these, one class against the rest.
        ranked_by: What the ranking figures order films by: each class's `score`; or, where there are two classes and every film
            has exactly one of them, the `difference` of their scores, which is what decides between them.
        accuracy: Share of films whose highest score is their class.
        ci95: Interval of the accuracy; patients are redrawn together.
        intervals: Intervals of the other headline figures, by their names.
        chance: Share of the commonest class: what always naming it would reach.
        majority_f1: The macro F1 that always naming the commonest class would reach.
        balanced_accuracy: Mean recall of the classes.
        macro_f1: Mean F1 of the classes.
        matthews: Matthews' correlation for several classes.
        macro_auroc: Mean of the classes' areas under the ROC curve.
        macro_average_precision: Mean of the classes' areas under the precision-recall curve.
        auroc: (C,) area under the ROC curve of each class.
        average_precision: (C,) area under the precision-recall curve of each class.
        prevalence: (C,) share of the labelled films that have each class: the average precision of a blind guess.
        confusion: (C, C) counts; rows are the truth.
        degenerate: Whether one class was named for every film, so that accuracy says nothing.
        prompts_seen_in_training: Prompts that occur word for word among the training sentences.
    """

    split: str
    classes: tuple[str, ...]
    n: int
    n_labelled: int
    ranked_by: Literal["score", "difference"]
    accuracy: float
    ci95: tuple[float, float]
    intervals: dict[str, tuple[float, float]]
    chance: float
    majority_f1: float
    balanced_accuracy: float
    macro_f1: float
    matthews: float
    macro_auroc: float
    macro_average_precision: float
    auroc: tuple[float, ...]
    average_precision: tuple[float, ...]
    prevalence: tuple[float, ...]
    confusion: NDArray[np.int64]
    degenerate: bool
    prompts_seen_in_training: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for JSON; undefined figures become null."""
        names = ("accuracy", "chance", "balanced_accuracy", "macro_f1", "majority_f1", "matthews", *RANKING)
        by_class = {name: getattr(self, name) for name in ("auroc", "average_precision", "prevalence")}
        return {
            "split": self.split,
            "classes": list(self.classes),
            "n": self.n,
            "n_labelled": self.n_labelled,
            "ranked_by": self.ranked_by,
            **{name: metrics.finite_or_none(getattr(self, name)) for name in names},
            "ci95": [metrics.finite_or_none(x) for x in self.ci95],
            "intervals": {name: [metrics.finite_or_none(x) for x in interval] for name, interval in self.intervals.items()},
            **{
                name: {label: metrics.finite_or_none(x) for label, x in zip(self.classes, values, strict=True)}
                for name, values in by_class.items()
            },
            "confusion": self.confusion.tolist(),
            "degenerate": self.degenerate,
            "prompts_seen_in_training": list(self.prompts_seen_in_training),
        }


def evaluate_zero_shot(
    predictor: FilmScorer,
    manifest: Manifest,
    split: Split,
    prompts: PromptSet,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> ZeroShot:
    """Score every labelled film of a split once and compare with its labels, classes aligned by name.

    Args:
        predictor: The model.
        manifest: The examples; the training split's sentences tell whether prompts were seen.
        split: The split to report on.
        prompts: The classes, named as the labels are (case and surrounding spaces do not matter), and their prompts.
        seed: Seed of the interval.
        progress: Called with films done and films in all.

    Raises:
        ConfigError: No film of the split has a label that is one of the classes.
    """
    films = labelled_films(manifest, split)
    return classify_films(predictor, films, prompts, split=split, seen=_seen_in_training(manifest, prompts), seed=seed, progress=progress)


def classify_films(
    predictor: FilmScorer,
    films: Sequence[LabelledFilm],
    prompts: PromptSet,
    *,
    split: str,
    seen: tuple[str, ...] = (),
    seed: int = 0,
    progress: Progress | None = None,
) -> ZeroShot:
    """Score films once each and compare with their labels, classes aligned by name.

    Args:
        predictor: The model.
        films: The films, all labelled.
        prompts: The classes and their prompts.
        split: What the films are called in the report.
        seen: Prompts that the model was trained on.
        seed: Seed of the intervals.
        progress: Called with films done and films in all.

    Raises:
        ConfigError: No film has a label that is one of the classes.
    """
    classes = tuple(prompts.prompts)
    truth = truth_table(films, classes)
    if not truth.any():
        labels = ", ".join(sorted({label for e in films for label in e.labels})) or "none"
        raise ConfigError(
            f"No film of the {split} split is labelled with a class of the prompt set {prompts.name}.", f"Labels there: {labels}."
        )
    scores = np.array([p.scores for p in predictions(predictor, [e.path for e in films], prompts, progress)], dtype=np.float64)
    return _figures(split, classes, truth, scores, [e.patient for e in films], seed, seen)


def labelled_films(manifest: Manifest, split: Split) -> list[LabelledFilm]:
    """The films of a split that have labels; a film that was read twice is still one case."""
    first: dict[str, Example] = {}
    for example in manifest.of(split):
        first.setdefault(example.film, example)
    return [LabelledFilm(manifest.film_path(e), e.patient, e.labels) for e in first.values() if e.labels]


def truth_table(films: Sequence[LabelledFilm], classes: Sequence[str]) -> NDArray[np.bool_]:
    """(F, C) whether each film has each class among its labels, by name; case and surrounding spaces do not matter."""
    names = [name.strip().casefold() for name in classes]
    rows = [[name in {label.strip().casefold() for label in film.labels} for name in names] for film in films]
    return np.array(rows, dtype=bool).reshape(-1, len(names))


def _figures(
    split: str,
    classes: tuple[str, ...],
    truth: NDArray[np.bool_],
    scores: NDArray[np.float64],
    patients: Sequence[str],
    seed: int,
    seen: tuple[str, ...],
) -> ZeroShot:
    single = np.flatnonzero(truth.sum(axis=1) == 1)
    actual, predicted = truth[single].argmax(axis=1), scores[single].argmax(axis=1)
    confusion = metrics.confusion_matrix(actual, predicted, len(classes))
    of_single = [patients[int(i)] for i in single]
    correct = metrics.Estimate.of((actual == predicted).astype(np.float64), of_single, seed)
    decided = {"balanced_accuracy": metrics.balanced_accuracy, "macro_f1": metrics.macro_f1, "matthews": metrics.matthews}
    ranked = {"macro_auroc": metrics.auroc, "macro_average_precision": metrics.average_precision}
    intervals = {name: _decided_ci95(figure, actual, predicted, len(classes), of_single, seed) for name, figure in decided.items()}
    by_difference = scores.shape[1] == 2 and len(single) == len(truth)
    ranks = scores - scores[:, ::-1] if by_difference else scores
    intervals["macro_auroc"] = ranked_ci95(auroc_of_draws, truth, [ranks], patients, seed=seed)
    intervals["macro_average_precision"] = ranked_ci95(average_precision_of_draws, truth, [ranks], patients, seed=seed)
    commonest = np.zeros_like(confusion)
    if len(single):
        commonest[:, confusion.sum(axis=1).argmax()] = confusion.sum(axis=1)
    return ZeroShot(
        split=split,
        classes=classes,
        n=len(single),
        n_labelled=len(truth),
        ranked_by="difference" if by_difference else "score",
        accuracy=correct.value,
        ci95=correct.ci95,
        intervals=intervals,
        chance=metrics.accuracy(commonest),
        majority_f1=metrics.macro_f1(commonest),
        **{name: figure(confusion) for name, figure in decided.items()},
        **{name: metrics.macro(figure, truth, ranks) for name, figure in ranked.items()},
        auroc=tuple(metrics.auroc(truth[:, c], ranks[:, c]) for c in range(len(classes))),
        average_precision=tuple(metrics.average_precision(truth[:, c], ranks[:, c]) for c in range(len(classes))),
        prevalence=tuple(truth.mean(axis=0).tolist()),
        confusion=confusion,
        degenerate=len(single) > 1 and len(set(predicted.tolist())) == 1,
        prompts_seen_in_training=seen,
    )


def _decided_ci95(
    figure: Callable[[metrics.IndexArray], float],
    actual: NDArray[np.int64],
    predicted: NDArray[np.int64],
    n_classes: int,
    patients: Sequence[str],
    seed: int,
) -> tuple[float, float]:
    return metrics.bootstrap_ci95(lambda i: figure(metrics.confusion_matrix(actual[i], predicted[i], n_classes)), patients, seed=seed)


def _seen_in_training(manifest: Manifest, prompts: PromptSet) -> tuple[str, ...]:
    known = Counter(_words(s.text) for e in manifest.of("train") for s in e.sentences)
    return tuple(prompt for texts in prompts.prompts.values() for prompt in texts if _words(prompt) in known)


def _words(text: str) -> str:
    """A sentence without case and final punctuation."""
    return normalise_sentence(text).rstrip(" .")
