"""The summary compares like with like, and the report's words follow from its numbers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from egma_core.ablation.metrics import METRICS
from egma_core.ablation.oracles import oracles
from egma_core.ablation.plan import StudyPlan
from egma_core.ablation.plots import draw_plots
from egma_core.ablation.provenance import Origin
from egma_core.ablation.questions import Questions
from egma_core.ablation.report import markdown
from egma_core.ablation.summary import Summary, summarise
from egma_core.evaluation.film_swap import CONTROLS
from egma_core.synthetic.findings import FINDINGS

PLAN = StudyPlan(conditions=("no_gaze", "gaze_100", "shuffled", "no_gaze_missing", "reader_missing"), budgets=(10, 30), seeds=3, test=24)
ASKED = Questions.of(PLAN)
ORACLES = cache(oracles)
STATE = {"questions": "q", "prompts": "p" * 64, "code": "s" * 64}
ORIGIN = Origin("egma ablate", PLAN.hash, {"egma": "1.0", "code": "s" * 64}, (STATE,))


@pytest.fixture(autouse=True)
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracles of these films are found once for all tests."""
    monkeypatch.setattr("egma_core.ablation.summary.oracles", ORACLES)


def figures(value: float | None) -> dict[str, Any]:
    """Every figure is the value, and so is every question's gain by the finding."""
    group = {"own": value, "chance": 0.1, "n": 4}
    group |= {key: v for name in CONTROLS for key, v in {name: 0.0, f"own_minus_{name}": value, f"n_{name}": 3}.items()}
    scores = {"auroc_fine_grained": value, "auroc_global": value}
    n = len(ASKED.every)
    return {
        **scores,
        "with_place": group,
        "without_place": group,
        "retrieval_p1": value,
        "shuffled_auc": value,
        "by_finding": dict.fromkeys(FINDINGS, scores),
        "outcomes": {"own": [value or 0.0] * n, **dict.fromkeys(CONTROLS, [0.0] * n)},
        "grid": [7, 7],
    }


def results(worth: dict[str, float | None], plan: StudyPlan = PLAN) -> dict[str, dict[str, Any]]:
    """Every run of conditions that are worth something; a seed adds a tenth of itself, the long budget one half."""
    found: dict[str, dict[str, Any]] = {}
    for run in plan.runs:
        if run.condition in worth:
            value = worth[run.condition]
            whole = None if value is None else value + run.seed / 10 + (0.5 if run.budget == 30 else 0.0)
            losses = {"gaze": 0.0, "fine_grained": 5.0 - run.budget / 10 + run.seed, "loss": 9.0}
            found[run.name] = {"figures": figures(whole), "seconds": 2.0, "validation": losses}
    return found


def summary_of(worth: dict[str, float | None]) -> Summary:
    return summarise(PLAN, results(worth), ASKED)


def report_of(worth: dict[str, float | None], origin: Origin = ORIGIN) -> str:
    return markdown(PLAN, summary_of(worth), origin)


def test_each_condition_is_compared_with_its_own_baseline_and_with_what_it_varies() -> None:
    summary = summary_of({"no_gaze": 0.1, "gaze_100": 0.4, "shuffled": 0.05, "no_gaze_missing": 0.2, "reader_missing": 0.35})
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
    assert rows["no_gaze", 30].losses["fine_grained"].mean == pytest.approx(3.0)
    assert rows["no_gaze", 30].losses["mapping"].n == 0


def test_the_primary_comparison_is_all_gaze_against_none_at_the_largest_budget() -> None:
    summary = summary_of({"no_gaze": 0.1, "gaze_100": 0.4, "shuffled": 0.0})
    primary = summary.primary
    assert primary is not None
    assert (primary.budget, primary.questions) == (30, int((~ASKED.located).sum()))
    assert primary.films == sum(bool(phantom.findings) for phantom in ASKED.phantoms)
    assert primary.over_seeds.mean == pytest.approx(0.3)
    assert primary.over_films_too.mean == pytest.approx(0.3)
    assert (primary.over_films_too.low, primary.over_films_too.n) == (pytest.approx(0.3), 3)  # every question agrees
    assert summary_of({"no_gaze": 0.1}).primary is None


def test_findings_are_compared_question_by_question_and_say_over_how_many() -> None:
    rows = {(row.finding, row.budget): row for row in summary_of({"no_gaze": 0.1, "gaze_100": 0.4}).by_finding}
    assert set(rows) == {(name, budget) for name in FINDINGS for budget in PLAN.budgets}
    for (name, _), row in rows.items():
        n = sum(name in phantom.labels for phantom in ASKED.phantoms)
        located = 0 if name == "cardiomegaly" else n
        assert (row.questions["seen_without_place"], row.questions["seen_with_place"]) == (n, located)
        assert row.differences["seen_without_place"].mean == pytest.approx(0.3)
        assert row.differences["auroc_fine_grained"].mean == pytest.approx(0.3)
    assert rows["nodule", 10].before["seen_with_place"] == pytest.approx(0.2)
    assert rows["nodule", 10].after["seen_with_place"] == pytest.approx(0.5)


def test_the_words_count_what_the_table_shows() -> None:
    n = 2 * len(METRICS)
    better = report_of({"no_gaze": 0.1, "gaze_100": 0.4})
    assert f"Of the {n} exploratory differences of means below, {n} have an interval above zero and 0 one below it" in better
    assert "Both intervals lie above zero: on such films gaze helps by this measure." in better
    worse = report_of({"no_gaze": 0.4, "gaze_100": 0.1})
    assert f"{n} exploratory differences of means below, 0 have an interval above zero and {n} one below it" in worse
    assert "gaze harms by this measure" in worse
    same = report_of({"no_gaze": 0.4, "gaze_100": 0.4})
    assert f"{n} exploratory differences of means below, 0 have an interval above zero and 0 one below it" in same
    assert "about 1 would be marked by chance" in same
    assert "An interval holds zero: this study does not tell." in same
    assert "not finished yet" in report_of({"no_gaze": 0.4})
    apart = results({"no_gaze": 0.1, "gaze_100": 0.2})
    for seed, value in enumerate((0.05, 0.2, 0.9)):
        apart[f"gaze_100-30-{seed}"]["figures"] = figures(value + 0.6)
    open_ = markdown(PLAN, summarise(PLAN, apart, ASKED), ORIGIN)
    assert "An interval holds zero: this study does not tell." in open_  # seeds differ too much, though films agree


def test_the_first_part_is_a_paragraph_and_one_table_with_the_oracles_and_chance() -> None:
    first = report_of({"no_gaze": 0.1, "gaze_100": 0.4, "shuffled": 0.0, "reader_missing": 0.3}).split("## How to read this")[0]
    rows = [line.split(" | ")[0].strip("| ") for line in first.splitlines() if line.startswith("|")]
    assert rows[0] == "30 steps"
    assert rows[2:] == [
        "no gaze",
        "100 % gaze",
        "gaze of other sentences",
        "oracle: anatomy and words, never the film's findings",
        "oracle: points at any finding, whatever the sentence",
        "chance",
    ]
    chance = next(line for line in first.splitlines() if line.startswith("| chance"))
    assert chance == f"| chance | 0.000 | 0.000 | 0.000 | 0.000 | 0.100 | 0.500 | {1 / 24:.3f} |"


def test_what_the_report_says_of_its_origin_follows_from_the_results() -> None:
    worth: dict[str, float | None] = {"no_gaze": 0.1, "gaze_100": 0.4}
    part = report_of(worth)
    assert f"{4 * 3} of the plan's {len(PLAN.runs)} runs are in it." in part
    assert "judged by those sources" in part
    whole = report_of({c.name: 0.3 for c in PLAN.chosen})
    assert f"All {len(PLAN.runs)} runs of the plan are in it." in whole
    assert "Not finished" not in whole
    other = Origin("egma ablate", PLAN.hash, {"egma": "1.0", "code": "t" * 64, "commit": "c" * 40}, (STATE,))
    assert "commit cccccccccccc and sources whose hash begins tttttttttttt" in report_of(worth, other)
    assert "judged by other sources (ssssssssssss)" in report_of(worth, other)
    mixed = Origin("egma ablate", PLAN.hash, ORIGIN.program, (STATE, {**STATE, "code": "u"}))
    assert "judged by 2 different states" in report_of(worth, mixed)


def test_a_figure_over_fewer_seeds_than_its_row_says_so() -> None:
    found = results({"no_gaze": 0.1, "gaze_100": 0.4})
    found["gaze_100-30-1"]["figures"]["retrieval_p1"] = None
    table = markdown(PLAN, summarise(PLAN, found, ASKED), ORIGIN)
    line = next(line for line in table.splitlines() if line.startswith("| 100 % gaze | 3 | 1.000 [") and "(n 2)" in line)
    assert line.count("(n ") == 1


def test_a_term_that_is_not_trained_has_no_loss() -> None:
    plan = replace(PLAN, conditions=("no_gaze", "without_gaze"), seeds=1)
    table = markdown(plan, summarise(plan, results({"no_gaze": 0.1, "without_gaze": 0.2}, plan), ASKED), ORIGIN)
    part = table.split("## Has it converged?")[1].split("## ")[0]
    assert "| no gaze | 4.000 | 0.000 | – | – | 2.000 | 0.000 | – | – |" in part
    assert "| 100 % gaze, without the gaze loss | 4.000 | – | – | – | 2.000 | – | – | – |" in part


def test_figures_that_are_undefined_or_not_there_yet_are_left_open(tmp_path: Path) -> None:
    summary = summary_of({"no_gaze": 0.1, "gaze_100": None})
    row = summary.row("gaze_100", 10)
    assert row is not None
    assert row.values["retrieval_p1"].n == 0
    assert row.differences["retrieval_p1"].n == 0
    assert summary.row("shuffled", 10) is None
    table = markdown(PLAN, summary, ORIGIN)
    assert "| 100 % gaze | 0 | – |" in table
    assert "nan" not in table
    assert len(draw_plots(summary, tmp_path)) == 4


def test_the_table_prints_the_readers_and_where_their_parameters_come_from() -> None:
    table = report_of({"no_gaze": 0.1})
    assert "| missed | 0.04 | 0.3 | findings missed; could not be sourced per finding; of studies 3 to 5 % (Brady 2017)" in table
    assert "| elsewhere | 0.2 |  | share of looks elsewhere; could not be sourced |" in table
    assert "Griffin & Bock 2000, Psychological Science" in table
    assert "phantoms 500001 to 500640" in table
