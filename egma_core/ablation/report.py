"""A study's table as Markdown: first a part short enough for a README, then everything. Words about figures follow from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields

import numpy as np

from egma_core.ablation import wording
from egma_core.ablation.metrics import (
    FINE_GRAINED,
    GROUNDING,
    HEADLINE,
    PLAIN,
    RECOGNITION,
    RETRIEVAL,
    SENTENCE,
    SWAPPED,
    TERMS,
    Metric,
    chance_of,
)
from egma_core.ablation.outcomes import GROUPS
from egma_core.ablation.plan import BASELINE, USUAL, StudyPlan, condition_named
from egma_core.ablation.provenance import Origin
from egma_core.ablation.statistics import Interval
from egma_core.ablation.summary import Row, Summary
from egma_core.synthetic.reader import SOURCES, ReaderModel

SHORT_GROUPS = ("dose", "control", "term")
"""The conditions of the first table."""

SHORT = ((HEADLINE[0], "seen, no place words"), (HEADLINE[1], "seen, place words"))
"""The first table's leading columns; the others are for sentences without place words."""

SHORT_MORE = (
    (SWAPPED[0], "− other films"),
    (SENTENCE[0], "− other sentence"),
    (PLAIN[0], "plain pointing"),
    (FINE_GRAINED, "AUROC, best patch"),
    (RETRIEVAL, "P@1"),
)

Column = Callable[[Row], Mapping[str, Interval]]


def markdown(plan: StudyPlan, summary: Summary, origin: Origin) -> str:
    """The whole report.

    Args:
        plan: The study's plan.
        summary: Its figures.
        origin: What made them.
    """
    parts = ["# What gaze is worth on phantom films", *_short(plan, summary, origin), *_head(summary, origin)]
    for budget in plan.budgets:
        rows = summary.at(budget)
        if rows:
            parts += [f"## {budget} steps: means over seeds", _means(rows, GROUNDING, summary), _means(rows, RECOGNITION, summary)]
            parts += [f"## {budget} steps: differences from no gaze, seed by seed (exploratory)", *_differences(rows)]
            parts += [
                f"## {budget} steps: differences from the same gaze used as usual, seed by seed (exploratory)",
                *_tables([row for row in rows if row.departures], lambda row: row.departures, _departure, _difference_of),
            ]
    parts += ["## Has it converged? Validation losses after the last step", *_losses(plan, summary)]
    parts += ["## By finding (exploratory)", *_by_finding(plan, summary)]
    parts += ["## The simulated readers", *_readers(plan), "## The films and the model", wording.setting(plan)]
    return "\n\n".join(parts) + "\n"


def _short(plan: StudyPlan, summary: Summary, origin: Origin) -> Iterator[str]:
    """What a README shows: what was asked, the answer to the primary comparison, one table, how it is read."""
    rows = [row for row in summary.at(plan.budgets[-1]) if row.condition.group in SHORT_GROUPS]
    yield wording.introduction(plan, summary, origin.command)
    yield wording.primary(summary.primary)
    columns = SHORT + SHORT_MORE
    lines = [_line([f"{plan.budgets[-1]} steps", *(title for _, title in columns)]), _line(["---", *(["---:"] * len(columns))])]
    n = max((len(row.seeds) for row in rows), default=0)
    for row in rows:
        found = [row.values[metric.name] for metric, _ in columns]
        lines.append(_line([row.condition.title, *(_with_n(_mean_of(interval), interval, n) for interval in found)]))
    yield "\n".join(lines + _references(summary, [metric for metric, _ in columns]))
    yield wording.SHORT_NOTE


def _head(summary: Summary, origin: Origin) -> Iterator[str]:
    yield "## How to read this"
    yield from wording.measures(summary)
    yield from wording.provenance(summary, origin)
    yield wording.count_of_differences(summary)
    yield wording.CAUTIONS


def _means(rows: Sequence[Row], metrics: Sequence[Metric], summary: Summary) -> str:
    table = _table(rows, metrics, lambda row: row.values, lambda row: row.condition.title, _mean_of)
    return "\n".join([table, *_references(summary, metrics, seeds=True)])


def _references(summary: Summary, metrics: Sequence[Metric], *, seeds: bool = False) -> list[str]:
    """Rows of what the cheats reach, and chance."""
    between = [""] if seeds else []
    lines: list[str] = []
    for oracle in summary.oracles:
        values = (oracle.figures[m.path[0]][m.path[1]] if m in GROUNDING else None for m in metrics)
        lines.append(_line([oracle.title, *between, *(wording.share(value) for value in values)]))
    chance = {metric.name: chance_of(metric, summary.films) for metric in RECOGNITION}
    chance |= {metric.name: summary.questions[group]["chance"] for metric, group in zip(PLAIN, GROUPS, strict=True)}
    lines.append(_line(["chance", *between, *(wording.share(chance.get(metric.name, 0.0)) for metric in metrics)]))
    return lines if any(m in GROUNDING for m in metrics) else lines[-1:]


def _tables(rows: Sequence[Row], column: Column, title: Callable[[Row], str], cell: Callable[[Interval], str]) -> Iterator[str]:
    """Pointing in one table, the rest in another."""
    if not rows:
        yield "Nothing to compare yet."
        return
    for metrics in (GROUNDING, RECOGNITION):
        yield _table(rows, metrics, column, title, cell)


def _table(
    rows: Sequence[Row], metrics: Sequence[Metric], column: Column, title: Callable[[Row], str], cell: Callable[[Interval], str]
) -> str:
    """One line a row; a figure that is over fewer seeds than the line says tells over how many."""
    lines = [_line(["", "seeds", *(metric.title for metric in metrics)]), _line(["---", "---:", *(["---:"] * len(metrics))])]
    for row in rows:
        found = [column(row)[metric.name] for metric in metrics]
        n = max(interval.n for interval in column(row).values())
        lines.append(_line([title(row), str(n), *(_with_n(cell(interval), interval, n) for interval in found)]))
    return "\n".join(lines)


def _with_n(text: str, interval: Interval, n: int) -> str:
    return text if interval.n in (0, n) else f"{text} (n {interval.n})"


def _differences(rows: Sequence[Row]) -> Iterator[str]:
    compared = [row for row in rows if row.differences]
    yield from _tables(compared, lambda row: row.differences, lambda row: row.condition.title, _difference_of)
    for row in compared:
        if row.condition.baseline != BASELINE:
            yield f"“{row.condition.title}” is compared with no gaze of the same reader, whose sentences differ."


def _departure(row: Row) -> str:
    return f"{row.condition.title} − {condition_named(row.condition.varies).title}"


def _losses(plan: StudyPlan, summary: Summary) -> Iterator[str]:
    yield wording.losses(plan)
    columns = [(budget, term) for budget in plan.budgets for term in TERMS]
    lines = [_line(["", *(f"{TERMS[term]}, {budget} steps" for budget, term in columns)]), _line(["---", *(["---:"] * len(columns))])]
    for condition in plan.chosen:
        found = {budget: summary.row(condition.name, budget) for budget in plan.budgets}
        if any(found.values()):
            trained = {term for term in TERMS if condition.loss.get(f"{term}_weight") != 0.0}
            cells = ((found[budget], term) for budget, term in columns)
            figures = ("–" if row is None or term not in trained else wording.number(row.losses[term].mean) for row, term in cells)
            lines.append(_line([condition.title, *figures]))
    yield "\n".join(lines)


def _by_finding(plan: StudyPlan, summary: Summary) -> Iterator[str]:
    yield wording.BY_FINDING
    shown = [*HEADLINE, FINE_GRAINED]
    for budget in plan.budgets:
        rows = [row for row in summary.by_finding if row.budget == budget]
        if rows:
            titles = [cell for m in shown for cell in (m.title, "difference", "sentences" if m in GROUNDING else "films")]
            lines = [_line([f"{budget} steps", *titles]), _line(["---", *(["---:"] * len(titles))])]
            for row in rows:
                cells = [
                    cell
                    for m in shown
                    for cell in (
                        f"{wording.number(row.before[m.name])} → {wording.number(row.after[m.name])}",
                        _difference_of(row.differences[m.name]),
                        str(row.questions[m.name]),
                    )
                ]
                lines.append(_line([row.finding, *cells]))
            yield "\n".join(lines)


def _readers(plan: StudyPlan) -> Iterator[str]:
    yield wording.readers(plan)
    varied = [reader for reader in plan.readers if reader.name != USUAL.name]
    header = ["parameter", "usual", *(reader.title.removeprefix("reader: ") for reader in varied), "what, and source"]
    lines = [_line(header), _line(["---", "---:", *(["---:"] * len(varied)), "---"])]
    for field in fields(ReaderModel):
        usual = getattr(USUAL.model, field.name)
        others = (getattr(reader.model, field.name) for reader in varied)
        changed = ("" if other == usual else wording.plain(other) for other in others)
        lines.append(_line([field.name, wording.plain(usual), *changed, SOURCES[field.name]]))
    yield "\n".join(lines)
    yield wording.REFERENCES


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _mean_of(interval: Interval) -> str:
    if not np.isfinite(interval.low):
        return wording.number(interval.mean)
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _difference_of(interval: Interval) -> str:
    return wording.difference(interval) + (wording.MARK if interval.excludes_zero else "")
