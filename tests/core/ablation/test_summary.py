"""The summary compares like with like, and the table's words follow from its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from egma_core.ablation.plan import StudyPlan
from egma_core.ablation.plots import draw_plots
from egma_core.ablation.report import markdown
from egma_core.ablation.summary import METRICS, summarise
from egma_core.synthetic.findings import FINDINGS

PLAN = StudyPlan(conditions=("no_gaze", "gaze_100", "shuffled", "no_gaze_missing", "reader_missing"), budgets=(10, 30), seeds=3)


def figures(value: float | None) -> dict[str, Any]:
    group = {"own": value, "swapped": 0.0, "own_minus_swapped": value, "chance": 0.1, "n": 4}
    scores = {"auroc_fine_grained": value, "auroc_global": value}
    groups = {"with_place": group, "without_place": group}
    return {
        **scores,
        **groups,
        "retrieval_p1": value,
        "shuffled_auc": value,
        "by_finding": {name: {**scores, **groups} for name in FINDINGS},
    }


def results(worth: dict[str, float | None]) -> dict[str, dict[str, Any]]:
    """Every run of conditions that are worth something; a seed adds a tenth of itself, the long budget one half."""
    found: dict[str, dict[str, Any]] = {}
    for run in PLAN.runs:
        if run.condition in worth:
            value = worth[run.condition]
            whole = None if value is None else value + run.seed / 10 + (0.5 if run.budget == 30 else 0.0)
            found[run.name] = {"figures": figures(whole), "seconds": 2.0}
    return found


def test_each_condition_is_compared_with_its_own_baseline_and_with_what_it_varies() -> None:
    worth = {"no_gaze": 0.1, "gaze_100": 0.4, "shuffled": 0.05, "no_gaze_missing": 0.2, "reader_missing": 0.35}
    summary = summarise(PLAN, results(dict(worth)))
    assert (summary.finished, summary.of, summary.seconds) == (len(PLAN.runs), len(PLAN.runs), 2.0 * len(PLAN.runs))
    rows = {(row.condition.name, row.budget): row for row in summary.rows}
    assert set(rows) == {(c.name, b) for c in PLAN.chosen for b in PLAN.budgets if b == 10 or not c.short_only}
    for metric in METRICS:
        assert rows["gaze_100", 10].values[metric.name].mean == pytest.approx(0.5)
        assert rows["gaze_100", 30].values[metric.name].mean == pytest.approx(1.0)
        assert rows["gaze_100", 10].differences[metric.name].mean == pytest.approx(0.3)
        assert rows["shuffled", 10].differences[metric.name].mean == pytest.approx(-0.05)
        assert rows["shuffled", 10].departures[metric.name].mean == pytest.approx(-0.35)
        assert rows["reader_missing", 10].differences[metric.name].mean == pytest.approx(0.15)  # of the reader who misses as much
        assert rows["reader_missing", 10].departures[metric.name].mean == pytest.approx(-0.05)
    assert not rows["no_gaze", 10].differences
    assert not rows["no_gaze_missing", 10].departures
    assert not rows["gaze_100", 10].departures


def test_the_words_count_what_the_table_shows() -> None:
    better = markdown(PLAN, summarise(PLAN, results({"no_gaze": 0.1, "gaze_100": 0.4})), "egma ablate")
    assert "Of the 16 differences below, 16 have an interval above zero and 0 one below it" in better
    worse = markdown(PLAN, summarise(PLAN, results({"no_gaze": 0.4, "gaze_100": 0.1})), "egma ablate")
    assert "Of the 16 differences below, 0 have an interval above zero and 16 one below it" in worse
    same = markdown(PLAN, summarise(PLAN, results({"no_gaze": 0.4, "gaze_100": 0.4})), "egma ablate")
    assert "Of the 16 differences below, 0 have an interval above zero and 0 one below it" in same
    assert "about 1 would be marked by chance" in same


def test_figures_that_are_undefined_or_not_there_yet_are_left_open(tmp_path: Path) -> None:
    summary = summarise(PLAN, results({"no_gaze": 0.1, "gaze_100": None}))
    row = summary.row("gaze_100", 10)
    assert row is not None
    assert row.values["retrieval_p1"].n == 0
    assert row.differences["retrieval_p1"].n == 0
    assert summary.row("shuffled", 10) is None
    table = markdown(PLAN, summary, "egma ablate")
    assert "| 100 % gaze | 0 | – |" in table
    assert "nan" not in table
    assert len(draw_plots(summary, tmp_path)) == 4


def test_the_table_prints_the_readers_and_where_their_parameters_come_from() -> None:
    table = markdown(PLAN, summarise(PLAN, results({"no_gaze": 0.1})), "egma ablate")
    assert "| missed | 0.04 | 0.3 | share of findings missed; Brady 2017" in table
    assert "Griffin & Bock 2000, Psychological Science" in table
    assert "phantoms 500001 to 500640" in table
