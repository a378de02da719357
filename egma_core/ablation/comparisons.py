"""No gaze against all gaze, question by question: the primary comparison, and each finding by itself, over seeds and films."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core.ablation.metrics import FINE_GRAINED, HEADLINE, Metric, figures_by_seed
from egma_core.ablation.outcomes import differences
from egma_core.ablation.plan import BASELINE, FULL
from egma_core.ablation.questions import Questions
from egma_core.ablation.statistics import Interval, crossed_interval, difference_of
from egma_core.evaluation.metrics import finite_or_none
from egma_core.synthetic.findings import FINDINGS, FindingName

Figures = Mapping[int, Mapping[str, Any]]
"""A run's figures, by seed."""


@dataclass(frozen=True)
class PrimaryComparison:
    """The one comparison that a study is about; all others are exploratory.

    Attributes:
        condition: Name of the condition.
        baseline: Name of the one that it is compared with.
        metric: What is compared, at the largest budget.
    """

    condition: str
    baseline: str
    metric: Metric


PRIMARY = PrimaryComparison(FULL, BASELINE, HEADLINE[0])


@dataclass(frozen=True)
class Comparison:
    """The primary comparison's outcome.

    Attributes:
        budget: Optimiser steps.
        questions: Over how many questions.
        films: On how many films.
        over_seeds: The difference with Student's interval over seeds, for these films.
        over_films_too: The difference with the interval of other seeds and other films (`crossed_interval`).
    """

    budget: int
    questions: int
    films: int
    over_seeds: Interval
    over_films_too: Interval

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "condition": PRIMARY.condition,
            "baseline": PRIMARY.baseline,
            "metric": PRIMARY.metric.name,
            "budget": self.budget,
            "questions": self.questions,
            "films": self.films,
            "over_seeds": self.over_seeds.to_json(),
            "over_seeds_and_films": self.over_films_too.to_json(),
        }


@dataclass(frozen=True)
class FindingRow:
    """One finding at one budget, without gaze and with all of it, over the seeds that both have.

    Attributes:
        finding: The finding.
        budget: Optimiser steps.
        questions: By the metric's name, how many questions it is over; areas under the curve are over films.
        before: By the metric's name, its mean without gaze; NaN where it is undefined.
        after: Its mean with all gaze.
        differences: The difference: over seeds and films for pointing, over seeds for areas under the curve.
    """

    finding: FindingName
    budget: int
    questions: Mapping[str, int]
    before: Mapping[str, float]
    after: Mapping[str, float]
    differences: Mapping[str, Interval]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "finding": self.finding,
            "budget": self.budget,
            "figures": {
                name: {
                    "questions": self.questions[name],
                    "before": finite_or_none(self.before[name]),
                    "after": finite_or_none(self.after[name]),
                    "difference": found.to_json(),
                }
                for name, found in self.differences.items()
            },
        }


def comparison(asked: Questions, before: Figures, after: Figures, budget: int) -> Comparison | None:
    """The primary comparison; None while no seed is finished in both conditions."""
    pairs = _gains(before, after)
    if not len(pairs[0]):
        return None
    chosen = _asked_by(asked, PRIMARY.metric)
    sums, counts = _by_film(pairs[1] - pairs[0], chosen, asked)
    return Comparison(
        budget=budget,
        questions=int(counts.sum()),
        films=int((counts > 0).sum()),
        over_seeds=difference_of(figures_by_seed(after, PRIMARY.metric.path), figures_by_seed(before, PRIMARY.metric.path)),
        over_films_too=crossed_interval(sums, counts),
    )


def by_finding(asked: Questions, before: Figures, after: Figures, budget: int) -> tuple[FindingRow, ...]:
    """A row for each finding; none while no seed is finished in both conditions."""
    pairs = _gains(before, after)
    if not len(pairs[0]):
        return ()
    return tuple(_finding_row(asked, before, after, pairs, c, budget) for c in range(len(FINDINGS)))


def _finding_row(
    asked: Questions, before: Figures, after: Figures, pairs: tuple[NDArray[np.float64], NDArray[np.float64]], c: int, budget: int
) -> FindingRow:
    questions, first, second, found = dict[str, int](), dict[str, float](), dict[str, float](), dict[str, Interval]()
    for metric in HEADLINE:
        chosen = _asked_by(asked, metric) & (asked.finding == c)
        sums, counts = _by_film(pairs[1] - pairs[0], chosen, asked)
        questions[metric.name], found[metric.name] = int(counts.sum()), crossed_interval(sums, counts)
        first[metric.name], second[metric.name] = (float(p[:, chosen].mean()) if chosen.any() else float("nan") for p in pairs)
    path = ("by_finding", FINDINGS[c], *FINE_GRAINED.path)
    areas = figures_by_seed(before, path), figures_by_seed(after, path)
    shared = sorted(set(areas[0]) & set(areas[1]))
    name = FINE_GRAINED.name
    questions[name], found[name] = len(asked.phantoms), difference_of(areas[1], areas[0])
    first[name], second[name] = (float(np.mean([own[s] for s in shared])) if shared else float("nan") for own in areas)
    return FindingRow(FINDINGS[c], budget, questions, first, second, found)


def _gains(before: Figures, after: Figures) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(S, q) the headline's difference question by question in both conditions, for the seeds that both have."""
    shared = sorted(set(before) & set(after))
    one, two = (np.array([differences(own[seed]["outcomes"], "removed") for seed in shared], dtype=np.float64) for own in (before, after))
    return one, two


def _asked_by(asked: Questions, metric: Metric) -> NDArray[np.bool_]:
    """(q,) the questions that a headline metric is over."""
    return asked.located if metric is HEADLINE[1] else ~asked.located


def _by_film(values: NDArray[np.float64], chosen: NDArray[np.bool_], asked: Questions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(S, F) sums of (S, q) values over each film's chosen questions, and (F,) their numbers."""
    on_film = (asked.film[:, None] == np.arange(len(asked.phantoms))[None, :]) & chosen[:, None]
    return values @ on_film, on_film.sum(axis=0).astype(np.float64)
