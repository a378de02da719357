"""A study's figures compared: for each condition and budget the mean over seeds, and the difference from its baseline, with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from egma_core.ablation.comparisons import PRIMARY, Comparison, FindingRow, by_finding, comparison
from egma_core.ablation.metrics import METRICS, TERMS, figures_by_seed
from egma_core.ablation.oracles import Oracle, oracles
from egma_core.ablation.outcomes import GROUPS
from egma_core.ablation.plan import Condition, StudyPlan
from egma_core.ablation.questions import Questions
from egma_core.ablation.statistics import Interval, difference_of, interval_of

Results = Mapping[str, Mapping[str, Any]]


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
        losses: By the term's name, its mean on the validation films after the last step; empty where there are none.
    """

    condition: Condition
    budget: int
    seeds: tuple[int, ...]
    values: Mapping[str, Interval]
    differences: Mapping[str, Interval]
    departures: Mapping[str, Interval]
    losses: Mapping[str, Interval]


@dataclass(frozen=True)
class Summary:
    """A study's figures.

    Attributes:
        rows: Budget by budget, in the order of the conditions; those without a finished run are left out.
        finished: Runs that are finished.
        of: Runs that are planned.
        questions: By the kind of words, means that are the same for every model: `chance` of a random patch, and the numbers of
            sentences `n`, `n_removed`, `n_swapped` and `n_other`.
        films: Test films.
        oracles: What two cheats reach.
        primary: The one comparison that is named in advance; None until a run of each of its two conditions is finished.
        by_finding: No gaze against all gaze, finding by finding.
        seconds: Training time of the finished runs, summed.
    """

    rows: tuple[Row, ...]
    finished: int
    of: int
    questions: Mapping[str, Mapping[str, Any]]
    films: int
    oracles: tuple[Oracle, ...]
    primary: Comparison | None
    by_finding: tuple[FindingRow, ...]
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
            "films": self.films,
            "questions": {name: dict(group) for name, group in self.questions.items()},
            "primary": None if self.primary is None else self.primary.to_json(),
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
                    "validation_losses": _plain(row.losses),
                }
                for row in self.rows
            ],
            "oracles": [{"name": o.name, "title": o.title, **o.figures} for o in self.oracles],
            "by_finding": [row.to_json() for row in self.by_finding],
        }


def summarise(plan: StudyPlan, results: Results, asked: Questions) -> Summary:
    """Compare what is finished.

    Args:
        plan: The study's plan.
        results: One or more finished runs' results by name.
        asked: The questions that they answered.
    """
    runs = {(run.condition, run.budget, run.seed): results[run.name] for run in plan.runs if run.name in results}
    rows: list[Row] = []
    for budget in plan.budgets:
        for condition in plan.chosen:
            own = _of(runs, condition.name, budget)
            if own:
                rows.append(_row(condition, budget, own, *(_of(runs, name, budget) for name in (condition.baseline, condition.varies))))
    first: Mapping[str, Any] = next(iter(runs.values()))["figures"]
    every = ("chance", "n", "n_removed", "n_swapped", "n_other")
    before, after = (
        {budget: _figures(_of(runs, name, budget)) for budget in plan.budgets} for name in (PRIMARY.baseline, PRIMARY.condition)
    )
    largest = plan.budgets[-1]
    return Summary(
        rows=tuple(rows),
        finished=len(runs),
        of=len(plan.runs),
        questions={name: {key: first[name][key] for key in every} for name in GROUPS},
        films=len(asked.phantoms),
        oracles=oracles(asked, plan.size_px, *first["grid"]),
        primary=comparison(asked, before[largest], after[largest], largest),
        by_finding=tuple(row for budget in plan.budgets for row in by_finding(asked, before[budget], after[budget], budget)),
        seconds=sum(float(result["seconds"]) for result in runs.values()),
    )


def _row(condition: Condition, budget: int, own: Mapping[int, Any], baseline: Mapping[int, Any], varied: Mapping[int, Any]) -> Row:
    figures = _figures(own)

    def differences(other: Mapping[int, Any]) -> dict[str, Interval]:
        return {m.name: difference_of(figures_by_seed(figures, m.path), figures_by_seed(_figures(other), m.path)) for m in METRICS}

    validation = {seed: result["validation"] for seed, result in own.items() if result.get("validation")}
    return Row(
        condition=condition,
        budget=budget,
        seeds=tuple(sorted(own)),
        values={m.name: interval_of(list(figures_by_seed(figures, m.path).values())) for m in METRICS},
        differences=differences(baseline) if condition.name != condition.baseline else {},
        departures=differences(varied) if varied else {},
        losses={term: interval_of([float(terms[term]) for terms in validation.values() if term in terms]) for term in TERMS},
    )


def _of(runs: Mapping[tuple[str, int, int], Mapping[str, Any]], condition: str, budget: int) -> dict[int, Mapping[str, Any]]:
    """By seed, the results of a condition at a budget."""
    return {seed: result for (name, steps, seed), result in runs.items() if name == condition and steps == budget}


def _figures(by_seed: Mapping[int, Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    return {seed: result["figures"] for seed, result in by_seed.items()}


def _plain(intervals: Mapping[str, Interval]) -> dict[str, Any]:
    return {name: interval.to_json() for name, interval in intervals.items()}
