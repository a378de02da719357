"""A study's table as Markdown. Words about the figures are computed from them by rules that are stated; nothing is concluded in advance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from egma_core.ablation.plan import BASELINE, FULL, USUAL, StudyPlan, condition_named
from egma_core.ablation.statistics import CONFIDENCE, Interval
from egma_core.ablation.summary import METRICS, Metric, Row, Summary
from egma_core.synthetic.findings import FINDINGS
from egma_core.synthetic.reader import SOURCES, ReaderModel

MARK = "\\*"
"""Behind a difference whose interval excludes zero."""

REFERENCES = (
    "Griffin & Bock 2000, Psychological Science 11, 274-279. Ganapathi et al. 2016, arXiv 1607.06878. "
    "Rayner 2009, Quarterly Journal of Experimental Psychology 62, 1457-1506. Brady 2017, Insights into Imaging 8, 171-182. "
    "Berlin 2014, Diagnosis 1, 79-84."
)

MEASURES = (
    "Pointing: a sentence about a finding is right if its best patch lies on the finding's true box (a cell lies on a box if it covers "
    "at least half of what the best-placed cell covers of it). Own − swapped film: the same on the finding's own film, minus the mean over "
    "all test films without that finding, at the same box; a model that knows only words has 0, whatever its plain pointing. "
    "Sentences with place words say where the finding is; those without say nothing of it, and are asked about all findings. "
    "AUROC: mean over the findings, from prompts that nobody said in training. Retrieval P@1: a report's own film scores highest of all "
    "test films. Shuffled AUC: the map at this sentence's fixations against other films' fixations."
)


def markdown(plan: StudyPlan, summary: Summary, command: str) -> str:
    """The whole table.

    Args:
        plan: The study's plan.
        summary: Its figures.
        command: The command that made it.
    """
    parts = ["# What gaze is worth on phantom films", *_head(plan, summary, command)]
    for budget in plan.budgets:
        rows = summary.at(budget)
        if rows:
            parts += [
                f"## {budget} steps: means over seeds",
                _table(rows, lambda row: row.values, lambda row: row.condition.title, _mean_of),
            ]
            parts += [f"## {budget} steps: differences from no gaze, seed by seed", _differences(rows)]
            parts += [f"## {budget} steps: differences from the same gaze used as usual, seed by seed", _departures(rows)]
    parts += [
        "## By finding",
        *_by_finding(plan, summary),
        "## The simulated readers",
        *_readers(plan),
        "## The films and the model",
        _setting(plan),
    ]
    return "\n\n".join(parts) + "\n"


def _head(plan: StudyPlan, summary: Summary, command: str) -> Iterator[str]:
    yield f"Made by `{command}`; plan {plan.hash[:12]}, program version {plan.version}."
    if summary.finished < summary.of:
        yield f"**Not finished: {summary.finished} of {summary.of} runs.** What follows is over the finished ones; n differs between rows."
    chance = ", ".join(
        f"{_share(summary.chance[name])} for the {summary.questions[name]} sentences {title} place words"
        for name, title in (("with_place", "with"), ("without_place", "without"))
        if name in summary.questions
    )
    yield f"{MEASURES} Chance of pointing by a random patch: {chance}."
    yield (
        f"Figures are means over seeds with the {100 * CONFIDENCE:.0f} % interval of Student's t. A seed decides the first weights, the "
        "order of the films, their variation, and whose gaze a dose uses; the films are the same, so the intervals say nothing about "
        "other films. No run was left out, no checkpoint chosen: each run's last one counts."
    )
    yield _count_of_differences(summary)


def _count_of_differences(summary: Summary) -> str:
    """How many differences stand out, and how many would by chance."""
    found = list(summary.all_differences())
    if not found:
        return "There are too few seeds for intervals of the differences."
    above = sum(interval.low > 0 for interval in found)
    below = sum(interval.high < 0 for interval in found)
    return (
        f"Of the {len(found)} differences below, {above} have an interval above zero and {below} one below it (marked {MARK}). Were "
        f"there no difference anywhere, about {(1 - CONFIDENCE) * len(found):.0f} would be marked by chance: single marks prove little."
    )


def _table(
    rows: Sequence[Row], column: Callable[[Row], Mapping[str, Interval]], title: Callable[[Row], str], cell: Callable[[Interval], str]
) -> str:
    lines = [_line(["", "n", *(metric.title for metric in METRICS)]), _line(["---", "---:", *(["---:"] * len(METRICS))])]
    for row in rows:
        values = column(row)
        lines.append(_line([title(row), str(values[METRICS[0].name].n), *(cell(values[metric.name]) for metric in METRICS)]))
    return "\n".join(lines)


def _differences(rows: Sequence[Row]) -> str:
    compared = [row for row in rows if row.differences]
    if not compared:
        return "Nothing to compare yet."
    table = _table(compared, lambda row: row.differences, lambda row: row.condition.title, _difference_of)
    own = [row for row in compared if row.condition.baseline != BASELINE]
    notes = [f"“{row.condition.title}” is compared with no gaze of the same reader, whose sentences differ." for row in own]
    return "\n\n".join([table, *notes])


def _departures(rows: Sequence[Row]) -> str:
    compared = [row for row in rows if row.departures]
    if not compared:
        return "Nothing to compare yet."

    def title(row: Row) -> str:
        return f"{row.condition.title} − {condition_named(row.condition.varies).title}"

    return _table(compared, lambda row: row.departures, title, _difference_of)


def _by_finding(plan: StudyPlan, summary: Summary) -> Iterator[str]:
    yield f"No gaze → 100 % gaze, means over seeds; all conditions are in ablation.json. {_places_note()}"
    for budget in plan.budgets:
        before, after = summary.row(BASELINE, budget), summary.row(FULL, budget)
        if before is None or after is None:
            continue
        shown: tuple[Metric, ...] = METRICS[:6]
        lines = [_line([f"{budget} steps", *(metric.title for metric in shown)]), _line(["---", *(["---:"] * len(shown))])]
        for name in FINDINGS:
            pairs = ((before.by_finding[name][metric.name], after.by_finding[name][metric.name]) for metric in shown)
            lines.append(_line([name, *(f"{_number(a.mean)} → {_number(b.mean)}" for a, b in pairs)]))
        yield "\n".join(lines)


def _places_note() -> str:
    return "Cardiomegaly and edema have one place only, so that words alone point there: see what swapping the film leaves of it."


def _readers(plan: StudyPlan) -> Iterator[str]:
    yield (
        "Whoever writes the simulator can decide the result, so its parameters were fixed before the runs, and are varied, one at a time, "
        f"at 100 % gaze and {plan.budgets[0]} steps."
    )
    varied = [reader for reader in plan.readers if reader.name != USUAL.name]
    header = ["parameter", "usual", *(reader.title.removeprefix("reader: ") for reader in varied), "what, and source"]
    lines = [_line(header), _line(["---", "---:", *(["---:"] * len(varied)), "---"])]
    for field in fields(ReaderModel):
        usual = getattr(USUAL.model, field.name)
        others = (getattr(reader.model, field.name) for reader in varied)
        lines.append(
            _line([field.name, _plain(usual), *("" if other == usual else _plain(other) for other in others), SOURCES[field.name]])
        )
    yield "\n".join(lines)
    yield f"{REFERENCES} The readers of the test films are always the usual ones."


def _setting(plan: StudyPlan) -> str:
    splits = plan.phantom_seeds()
    films = ", ".join(f"{len(seeds)} {split} (phantoms {seeds.start} to {seeds.stop - 1})" for split, seeds in splits.items())
    doses = ", ".join(f"{share} % is about {share * plan.train / 100:.0f} films" for share in (1, 5, 10))
    return (
        f"Films: {films}; each finding is present with probability 0.3. Test films are read by another reader, who says no sentence of the "
        f"training films' reader. Gaze doses: {doses}. Model: the `tiny` encoders {plan.width} wide, {plan.size_px} px, {plan.embed_dim} "
        f"dimensions shared; batches of {plan.batch_size}, AdamW with a peak learning rate of {plan.learning_rate:g}, one cosine for each "
        "budget. All loss terms have weight 1 unless a row says otherwise; without gaze means fine-grained contrast, mapping without gaze "
        "and global contrast. The gaze loss is averaged over the films that have gaze, except where a row says that it is divided by all "
        "films. The recipe was set on films of other phantoms; these test films had no part in it."
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(value: Any) -> str:
    return " to ".join(f"{v:g}" for v in value) if isinstance(value, tuple) else f"{value:g}"


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "–"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _mean_of(interval: Interval) -> str:
    if not np.isfinite(interval.low):
        return _number(interval.mean)
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _difference_of(interval: Interval) -> str:
    if not np.isfinite(interval.low):
        return f"{interval.mean:+.3f}" if np.isfinite(interval.mean) else "–"
    return f"{interval.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]{MARK if interval.excludes_zero else ''}"
