"""Retrieval both ways: which texts a film finds among all, and which films a text finds.

A query's own items are relevant, and so are items that say the same: a film whose reader used the very sentence is no
mistake. Queries to which nothing is relevant are left out. Items with the same score are taken to lie in random order, and
each figure is its mean over these orders, so that a model that scores everything alike gets what chance gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import ConfigError
from egma_core.evaluation.metrics import Estimate, finite_or_none
from egma_core.evaluation.scorers import FILMS_AT_ONCE, Progress, SentenceScorer
from egma_core.evaluation.zero_shot import LabelledFilm, truth_table
from egma_core.examples.manifest import Manifest
from egma_core.examples.splits import Split
from egma_core.inference.prompts import PromptSet
from egma_core.speech.sentences import normalise_sentence

DEPTHS = (1, 5, 10)
"""How many of the first items count: k of P@k and recall@k."""

WITH_INTERVAL = ("p1", "mrr")


def query_figures(scores: NDArray[np.floating[Any]], relevant: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    """Figures of each of Q queries over n items.

    Args:
        scores: (Q, n) how well each item answers; higher is better.
        relevant: (Q, n) bool.

    Returns:
        (Q,) each, NaN for queries to which nothing is relevant. `p<k>`: relevant items among the first k, divided by k.
        `recall<k>`: relevant items among the first k, divided by all relevant ones. `mrr`: 1 divided by the place of the
        first relevant item.
    """
    names = [*(f"p{k}" for k in DEPTHS), *(f"recall{k}" for k in DEPTHS), "mrr"]
    figures = {name: np.full(len(scores), np.nan) for name in names}
    for query, (row, wanted) in enumerate(zip(scores, relevant, strict=True)):
        n_wanted = int(wanted.sum())
        if not n_wanted:
            continue
        ordered = np.sort(row)
        right, left = np.searchsorted(ordered, row[wanted], "right"), np.searchsorted(ordered, row[wanted], "left")
        better, level = len(row) - right, right - left
        for k in DEPTHS:
            within = float(np.clip((k - better) / level, 0.0, 1.0).sum())
            figures[f"p{k}"][query] = within / k
            figures[f"recall{k}"][query] = within / n_wanted
        best = better.min()
        tied_wanted = int((better == best).sum())
        tied_others = int(level[better.argmin()]) - tied_wanted
        places = np.arange(1, tied_others + 2)
        figures["mrr"][query] = float(_first_of(tied_wanted, tied_others) @ (1.0 / (best + places)))
    return figures


def _first_of(wanted: int, others: int) -> NDArray[np.float64]:
    """(others + 1,) chance that the first wanted item of a random order stands first, second, ..."""
    chance = np.empty(others + 1)
    still = 1.0
    for i in range(others + 1):
        hit = wanted / (wanted + others - i)
        chance[i] = still * hit
        still *= 1.0 - hit
    return chance


def retrieval_figures(scores: NDArray[np.floating[Any]], relevant: NDArray[np.bool_]) -> dict[str, float]:
    """Retrieval both ways, means over queries.

    Args:
        scores: (images, texts) how well each goes with each; higher is better.
        relevant: (images, texts) bool.

    Returns:
        `i2t_` (images ask, texts answer) and `t2i_` figures: `p1`, `p5`, `p10`, `recall1`, `recall5`, `recall10`, `mrr`; NaN
        where no query has anything relevant.
    """
    ways = {"i2t": query_figures(scores, relevant), "t2i": query_figures(scores.T, relevant.T)}
    return {f"{way}_{name}": _mean(values) for way, figures in ways.items() for name, values in figures.items()}


@dataclass(frozen=True)
class Ranking:
    """Retrieval between some images and some texts.

    Attributes:
        n_images: How many images there are.
        n_texts: How many texts there are.
        figures: As `retrieval_figures` gives them.
        intervals: 95 % intervals of `p1` and `mrr` both ways; queries of one patient are redrawn together, the items stay.
        chance: P@k of a random order, `i2t` and `t2i`; the same for every k.
    """

    n_images: int
    n_texts: int
    figures: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    chance: dict[str, float]

    @classmethod
    def of(
        cls,
        scores: NDArray[np.floating[Any]],
        relevant: NDArray[np.bool_],
        image_patients: Sequence[str],
        text_patients: Sequence[str],
        seed: int = 0,
    ) -> Ranking:
        """Rank both ways.

        Args:
            scores: (images, texts).
            relevant: (images, texts) bool.
            image_patients: The patient of each image.
            text_patients: The patient of each text, or anything that is its own.
            seed: Seed of the intervals.
        """
        ways = {"i2t": (scores, relevant, image_patients), "t2i": (scores.T, relevant.T, text_patients)}
        figures: dict[str, float] = {}
        intervals: dict[str, tuple[float, float]] = {}
        chance: dict[str, float] = {}
        for way, (rows, wanted, patients) in ways.items():
            for name, values in query_figures(rows, wanted).items():
                figures[f"{way}_{name}"] = _mean(values)
                if name in WITH_INTERVAL:
                    intervals[f"{way}_{name}"] = Estimate.of(values, patients, seed).ci95
            answered = wanted.any(axis=1)
            chance[way] = float(wanted[answered].mean()) if answered.any() else float("nan")
        return cls(scores.shape[0], scores.shape[1], figures, intervals, chance)

    def to_json(self) -> dict[str, Any]:
        """Plain values; undefined ones become null."""
        return {
            "n_images": self.n_images,
            "n_texts": self.n_texts,
            **{name: finite_or_none(value) for name, value in self.figures.items()},
            "intervals": {name: [finite_or_none(x) for x in interval] for name, interval in self.intervals.items()},
            "chance": {name: finite_or_none(value) for name, value in self.chance.items()},
        }


@dataclass(frozen=True)
class Retrieval:
    """Retrieval on one split.

    Attributes:
        split: The split.
        reports: Films and whole reports; a report's score is the mean over its sentences, and its film is relevant, as is
            every film of which the same was said.
        sentences: Films and single sentences, each different sentence once; the films of which it was said are relevant.
    """

    split: str
    reports: Ranking
    sentences: Ranking

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for JSON; undefined figures become null."""
        return {"split": self.split, "reports": self.reports.to_json(), "sentences": self.sentences.to_json()}


def evaluate_retrieval(
    predictor: SentenceScorer, manifest: Manifest, split: Split = "test", *, seed: int = 0, progress: Progress | None = None
) -> Retrieval:
    """Find reports and sentences by films, and films by them, over one split.

    Args:
        predictor: The model.
        manifest: The examples.
        split: The split to report on.
        seed: Seed of the intervals.
        progress: Called with films done and films in all.

    Raises:
        ConfigError: The split has fewer than two films.
    """
    examples = manifest.of(split)
    films = list(dict.fromkeys(e.film for e in examples))
    if len(films) < 2:
        raise ConfigError(f"The {split} split has {len(films)} films, so nothing can be found among them.", "Choose a larger set.")
    place = {film: i for i, film in enumerate(films)}
    spelled = {_words(s.text): s.text for e in reversed(examples) for s in e.sentences}
    words = list(spelled)
    column = {said: i for i, said in enumerate(words)}
    said = np.zeros((len(films), len(words)), dtype=bool)
    reports: dict[tuple[int, ...], set[int]] = {}
    patient_of: dict[tuple[int, ...], str] = {}
    for example in examples:
        report = tuple(sorted({column[_words(s.text)] for s in example.sentences}))
        said[place[example.film], list(report)] = True
        reports.setdefault(report, set()).add(place[example.film])
        patient_of.setdefault(report, example.patient)
    scores = score_films(predictor, [manifest.films / film for film in films], list(spelled.values()), progress)
    by_report = np.stack([scores[:, list(report)].mean(axis=1) for report in reports], axis=1)
    relevant = np.zeros(by_report.shape, dtype=bool)
    for i, own in enumerate(reports.values()):
        relevant[list(own), i] = True
    patients = {e.film: e.patient for e in examples}
    image_patients = [patients[film] for film in films]
    first_film = said.argmax(axis=0)
    return Retrieval(
        split,
        Ranking.of(by_report, relevant, image_patients, [patient_of[report] for report in reports], seed),
        Ranking.of(scores, said, image_patients, [image_patients[int(i)] for i in first_film], seed),
    )


def retrieve_classes(
    predictor: SentenceScorer, films: Sequence[LabelledFilm], prompts: PromptSet, *, seed: int = 0, progress: Progress | None = None
) -> Ranking:
    """Find prompts by films and films by prompts; those of one class are relevant to each other (ConVIRT's 8x200 form).

    Args:
        predictor: The model.
        films: The films, labelled by class names.
        prompts: The classes and their prompts.
        seed: Seed of the intervals.
        progress: Called with films done and films in all.
    """
    classes = list(prompts.prompts)
    texts = [text for own in prompts.prompts.values() for text in own]
    owner = np.repeat(np.arange(len(classes)), [len(own) for own in prompts.prompts.values()])
    scores = score_films(predictor, [film.path for film in films], texts, progress)
    relevant = truth_table(films, classes)[:, owner]
    return Ranking.of(scores, relevant, [film.patient for film in films], [str(i) for i in range(len(texts))], seed)


def score_films(
    predictor: SentenceScorer, films: Sequence[Path], sentences: Sequence[str], progress: Progress | None = None
) -> NDArray[np.float32]:
    """(F, S) scores of films against sentences, a few dozen films at a time."""
    scores = np.empty((len(films), len(sentences)), dtype=np.float32)
    for start in range(0, len(films), FILMS_AT_ONCE):
        some = films[start : start + FILMS_AT_ONCE]
        scores[start : start + len(some)] = predictor.sentence_scores(some, sentences)
        if progress is not None:
            progress(start + len(some), len(films))
    return scores


def _words(text: str) -> str:
    """A sentence without case and final punctuation."""
    return normalise_sentence(text).rstrip(" .")


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
