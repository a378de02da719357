"""Zero-shot classification: how well a model names the finding of films it was not trained on, from prompts alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import ConfigError
from egma_core.evaluation import metrics
from egma_core.examples.manifest import Example, Manifest
from egma_core.examples.splits import Split
from egma_core.inference.prediction import Prediction
from egma_core.inference.prompts import PromptSet
from egma_core.speech.sentences import normalise_sentence


class FilmScorer(Protocol):
    """What an evaluation asks of a predictor."""

    def predict(self, film: Path, prompts: PromptSet | Sequence[str], /) -> Prediction:
        """Score one film's file against prompts."""
        ...


@dataclass(frozen=True)
class ZeroShot:
    """Zero-shot figures on one split. Shares are fractions; NaN means that the data do not define a figure.

    Attributes:
        split: The split.
        classes: Names of the C classes.
        n: Films with exactly one of the classes among their labels; accuracy and its kin are over these.
        n_labelled: Films with any label; the ranking figures are over these, one class against the rest.
        accuracy: Share of films whose highest score is their class.
        ci95: Interval of the accuracy; patients are redrawn together.
        chance: Share of the commonest class: what always naming it would reach.
        balanced_accuracy: Mean recall of the classes.
        macro_f1: Mean F1 of the classes.
        matthews: Matthews' correlation for several classes.
        macro_auroc: Mean of the classes' areas under the ROC curve.
        auroc: (C,) area under the ROC curve of each class's score.
        average_precision: (C,) area under the precision-recall curve of each class's score.
        confusion: (C, C) counts; rows are the truth.
        degenerate: Whether one class was named for every film, so that accuracy says nothing.
        prompts_seen_in_training: Prompts that occur word for word among the training sentences.
    """

    split: Split
    classes: tuple[str, ...]
    n: int
    n_labelled: int
    accuracy: float
    ci95: tuple[float, float]
    chance: float
    balanced_accuracy: float
    macro_f1: float
    matthews: float
    macro_auroc: float
    auroc: tuple[float, ...]
    average_precision: tuple[float, ...]
    confusion: NDArray[np.int64]
    degenerate: bool
    prompts_seen_in_training: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for JSON; undefined figures become null."""
        names = ("accuracy", "chance", "balanced_accuracy", "macro_f1", "matthews", "macro_auroc")
        return {
            "split": self.split,
            "classes": list(self.classes),
            "n": self.n,
            "n_labelled": self.n_labelled,
            **{name: metrics.finite_or_none(getattr(self, name)) for name in names},
            "ci95": [metrics.finite_or_none(x) for x in self.ci95],
            "auroc": {name: metrics.finite_or_none(x) for name, x in zip(self.classes, self.auroc, strict=True)},
            "average_precision": {name: metrics.finite_or_none(x) for name, x in zip(self.classes, self.average_precision, strict=True)},
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
    progress: Callable[[int, int], None] | None = None,
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
    films = [e for e in _one_a_film(manifest.of(split)) if e.labels]
    classes = tuple(prompts.prompts)
    names = [name.strip().casefold() for name in classes]
    truth = np.array([[name in {label.strip().casefold() for label in e.labels} for name in names] for e in films], dtype=bool)
    truth = truth.reshape(-1, len(classes))
    if not truth.any():
        labels = ", ".join(sorted({label for e in films for label in e.labels})) or "none"
        raise ConfigError(
            f"No film of the {split} split is labelled with a class of the prompt set {prompts.name}.", f"Labels there: {labels}."
        )
    scores = np.empty((len(films), len(classes)))
    for i, example in enumerate(films):
        scores[i] = predictor.predict(manifest.film_path(example), prompts).scores
        if progress is not None:
            progress(i + 1, len(films))
    return _figures(split, classes, truth, scores, [e.patient for e in films], seed, _seen_in_training(manifest, prompts))


def _figures(
    split: Split,
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
    correct = metrics.Estimate.of((actual == predicted).tolist(), [patients[int(i)] for i in single], seed)
    auroc = tuple(metrics.auroc(truth[:, c], scores[:, c]) for c in range(len(classes)))
    defined = [area for area in auroc if np.isfinite(area)]
    return ZeroShot(
        split=split,
        classes=classes,
        n=len(single),
        n_labelled=len(truth),
        accuracy=correct.value,
        ci95=correct.ci95,
        chance=float(confusion.sum(axis=1).max() / len(single)) if len(single) else float("nan"),
        balanced_accuracy=metrics.balanced_accuracy(confusion),
        macro_f1=metrics.macro_f1(confusion),
        matthews=metrics.matthews(confusion),
        macro_auroc=float(np.mean(defined)) if defined else float("nan"),
        auroc=auroc,
        average_precision=tuple(metrics.average_precision(truth[:, c], scores[:, c]) for c in range(len(classes))),
        confusion=confusion,
        degenerate=len(single) > 1 and len(set(predicted.tolist())) == 1,
        prompts_seen_in_training=seen,
    )


def _one_a_film(examples: Sequence[Example]) -> list[Example]:
    """The first example of each film: a film that was read twice is still one case."""
    first: dict[str, Example] = {}
    for example in examples:
        first.setdefault(example.film, example)
    return list(first.values())


def _seen_in_training(manifest: Manifest, prompts: PromptSet) -> tuple[str, ...]:
    known = Counter(_words(s.text) for e in manifest.of("train") for s in e.sentences)
    return tuple(prompt for texts in prompts.prompts.values() for prompt in texts if _words(prompt) in known)


def _words(text: str) -> str:
    """A sentence without case and final punctuation."""
    return normalise_sentence(text).rstrip(" .")
