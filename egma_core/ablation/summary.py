"""A study's figures compared: for each condition and budget the mean over seeds, and the difference from its baseline, with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from egma_core.ablation.plan import Condition, StudyPlan
from egma_core.ablation.statistics import Interval, difference_of, interval_of
from egma_core.evaluation.metrics import finite_or_none
from egma_core.synthetic.findings import FINDINGS

Results = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Metric:
    """One figure of a run's result.

    Attributes:
        name: Its name in the summary.
        title: For people.
        path: Where it is in a run's figures.
    """

    name: str
    title: str
    path: tuple[str, ...]


METRICS: tuple[Metric, ...] = (
    Metric("seen_without_place", "own − swapped film, no place words", ("without_place", "own_minus_swapped")),
    Metric("seen_with_place", "own − swapped film, place words", ("with_place", "own_minus_swapped")),
    Metric("pointing_without_place", "plain pointing, no place words", ("without_place", "own")),
    Metric("pointing_with_place", "plain pointing, place words", ("with_place", "own")),
    Metric("auroc_fine_grained", "AUROC, best patch", ("auroc_fine_grained",)),
    Metric("auroc_global", "AUROC, whole film", ("auroc_global",)),
    Metric("retrieval_p1", "retrieval P@1", ("retrieval_p1",)),
    Metric("shuffled_auc", "shuffled AUC of gaze", ("shuffled_auc",)),
)
"""The figures, the headline first."""

HEADLINE = METRICS[:2]

BY_FINDING: tuple[Metric, ...] = (METRICS[0], METRICS[1], METRICS[2], METRICS[3], METRICS[4], METRICS[5])
"""The figures that are also given for each finding."""


@dataclass(frozen=True)
class Row:
    """One condition at one budget.

    Attributes:
        condition: The condition.
        budget: Optimiser steps.
        seeds: The seeds that are finished.
        values: By the metric's name, the mean over seeds.
        differences: By the metric's name, the difference from the baseline, seed by seed; empty for a baseline itself.
        departures: By the metric's name, the difference from the condition that this one varies, seed by seed; empty for a dose.
        by_finding: By the finding's name and the metric's name, the mean over seeds.
    """

    condition: Condition
    budget: int
    seeds: tuple[int, ...]
    values: Mapping[str, Interval]
    differences: Mapping[str, Interval]
    departures: Mapping[str, Interval]
    by_finding: Mapping[str, Mapping[str, Interval]]


@dataclass(frozen=True)
class Summary:
    """A study's figures.

    Attributes:
        rows: Budget by budget, in the order of the conditions; those without a finished run are left out.
        finished: Runs that are finished.
        of: Runs that are planned.
        chance: By `with_place` and `without_place`, how often a random patch would lie on the box.
        questions: By the same, how many sentences pointing is over.
        seconds: Time of the finished runs, summed.
    """

    rows: tuple[Row, ...]
    finished: int
    of: int
    chance: Mapping[str, float | None]
    questions: Mapping[str, int]
    seconds: float

    def at(self, budget: int) -> tuple[Row, ...]:
        """The rows of one budget."""
        return tuple(row for row in self.rows if row.budget == budget)

    def row(self, condition: str, budget: int) -> Row | None:
        """The row of a condition and budget, if any of its runs is finished."""
        return next((row for row in self.rows if row.condition.name == condition and row.budget == budget), None)

    def all_differences(self) -> Iterator[Interval]:
        """Every difference of every figure that has an interval."""
        for row in self.rows:
            for found in (*row.differences.values(), *row.departures.values()):
                if found.n > 1:
                    yield found

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for JSON; undefined ones become null."""
        return {
            "runs": {"finished": self.finished, "of": self.of, "seconds": self.seconds},
            "chance": dict(self.chance),
            "questions": dict(self.questions),
            "rows": [
                {
                    "condition": row.condition.name,
                    "title": row.condition.title,
                    "baseline": row.condition.baseline,
                    "budget": row.budget,
                    "seeds": list(row.seeds),
                    "values": _plain(row.values),
                    "differences": _plain(row.differences),
                    "varies": row.condition.varies,
                    "departures": _plain(row.departures),
                    "by_finding": {name: _plain(values) for name, values in row.by_finding.items()},
                }
                for row in self.rows
            ],
        }


def summarise(plan: StudyPlan, results: Results) -> Summary:
    """Compare what is finished.

    Args:
        plan: The study's plan.
        results: The finished runs' results by name.
    """
    runs = {(run.condition, run.budget, run.seed): results[run.name] for run in plan.runs if run.name in results}
    rows: list[Row] = []
    for budget in plan.budgets:
        for condition in plan.chosen:
            own = _of(runs, condition.name, budget)
            if own:
                rows.append(_row(condition, budget, own, *(_of(runs, name, budget) for name in (condition.baseline, condition.varies))))
    first = next(iter(results.values()), {}).get("figures", {})
    groups = ("without_place", "with_place")
    return Summary(
        rows=tuple(rows),
        finished=len(runs),
        of=len(plan.runs),
        chance={name: first[name]["chance"] for name in groups} if first else {},
        questions={name: first[name]["n"] for name in groups} if first else {},
        seconds=sum(float(result["seconds"]) for result in runs.values()),
    )


def _row(condition: Condition, budget: int, own: Mapping[int, Any], baseline: Mapping[int, Any], varied: Mapping[int, Any]) -> Row:
    def differences(other: Mapping[int, Any]) -> dict[str, Interval]:
        return {m.name: difference_of(_figures(own, m.path), _figures(other, m.path)) for m in METRICS}

    return Row(
        condition=condition,
        budget=budget,
        seeds=tuple(sorted(own)),
        values={m.name: interval_of(list(_figures(own, m.path).values())) for m in METRICS},
        differences=differences(baseline) if condition.name != condition.baseline else {},
        departures=differences(varied) if varied else {},
        by_finding={
            name: {m.name: interval_of(list(_figures(own, ("by_finding", name, *m.path)).values())) for m in BY_FINDING}
            for name in FINDINGS
        },
    )


def _of(runs: Mapping[tuple[str, int, int], Mapping[str, Any]], condition: str, budget: int) -> dict[int, Any]:
    """By seed, the figures of a condition at a budget."""
    return {seed: result["figures"] for (name, steps, seed), result in runs.items() if name == condition and steps == budget}


def _figures(by_seed: Mapping[int, Any], path: tuple[str, ...]) -> dict[int, float]:
    """By seed, one figure; undefined ones are left out."""
    found: dict[int, float] = {}
    for seed, figures in sorted(by_seed.items()):
        value = figures
        for part in path:
            value = value[part]
        if value is not None:
            found[seed] = float(value)
    return found


def _plain(intervals: Mapping[str, Interval]) -> dict[str, Any]:
    return {
        name: {"mean": finite_or_none(i.mean), "ci95": [finite_or_none(i.low), finite_or_none(i.high)], "n": i.n}
        for name, i in intervals.items()
    }
