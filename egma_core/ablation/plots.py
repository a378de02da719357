"""A study's plots, as SVG and PNG: what gaze teaches to see, and what a dose of it buys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from egma_core.ablation.metrics import HEADLINE, RECOGNITION, Metric, chance_of
from egma_core.ablation.summary import Row, Summary
from egma_core.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""Okabe and Ito's colours, which people with any kind of colour vision tell apart; one a budget."""

MARKERS = ("o", "s", "^", "D")
"""One a budget too, so that no colour is needed."""

GRID = "#d9d9d9"
TEXT = "#222222"

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": TEXT,
    "text.color": TEXT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "svg.hashsalt": "egma",
}
"""matplotlib's settings; the salt makes an SVG the same each time."""

DOSES = ("no_gaze", "gaze_1", "gaze_5", "gaze_10", "gaze_50", "gaze_100")


def draw_plots(summary: Summary, folder: Path) -> tuple[Path, ...]:
    """Draw `grounding`, what each condition sees of findings, and `dose`, naming and retrieval against the dose of gaze.

    Points are means over seeds, bars their 95 % intervals.

    Args:
        summary: The study's figures.
        folder: Where the files go, an SVG and a PNG of each.

    Returns:
        The files.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        # matplotlib belongs to an extra, and takes a second to import.
        import matplotlib
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtraError("Drawing the plots", "plots") from error
    budgets = sorted({row.budget for row in summary.rows})
    files: list[Path] = []
    with matplotlib.rc_context(STYLE):
        for name, draw in (("grounding", _draw_grounding), ("dose", _draw_dose)):
            figure = Figure(facecolor="white", layout="constrained")
            if draw(figure, summary, budgets):
                vector, pixels = folder / f"{name}.svg", folder / f"{name}.png"
                figure.savefig(vector, facecolor="white", metadata={"Date": None})
                figure.savefig(pixels, facecolor="white", dpi=160)
                files += [vector, pixels]
    return tuple(files)


def _draw_grounding(figure: Figure, summary: Summary, budgets: Sequence[int]) -> bool:
    """One line a condition, a panel for sentences without place words and one for those with them."""
    names = list(dict.fromkeys(row.condition.name for row in summary.rows))
    titles = {row.condition.name: row.condition.title for row in summary.rows}
    figure.set_size_inches(8.6, 1.7 + 0.27 * len(names))
    panels: Sequence[Axes] = figure.subplots(1, 2, sharey=True)
    for axes, metric in zip(panels, HEADLINE, strict=True):
        _prepare(axes, "x")
        axes.axvline(0.0, color="#555555", linewidth=0.9)
        for b, budget in enumerate(budgets):
            offset = (b - (len(budgets) - 1) / 2) * 0.32
            rows = {row.condition.name: row for row in summary.at(budget)}
            places = [i + offset for i, name in enumerate(names) if name in rows]
            chosen = [rows[name] for name in names if name in rows]
            mean, bars = _points(chosen, metric)
            axes.errorbar(mean, places, xerr=bars, **_look(b, budget), linestyle="none")
            for i, name in enumerate(names):
                if name in rows and rows[name].condition.baseline in rows:
                    baseline = rows[rows[name].condition.baseline].values[metric.name].mean
                    axes.plot([baseline] * 2, [i - 0.5, i + 0.5], color=COLOURS[b % len(COLOURS)], linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set_xlabel("film − same film without the finding", fontsize=9)
        axes.set_title(("without place words", "with place words")[HEADLINE.index(metric)], fontsize=9.5)
    panels[0].set_yticks(range(len(names)), [titles[name] for name in names])
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    figure.suptitle("What a sentence finds because the finding is there", fontsize=11)
    _legend(figure, panels[0], "dashed: no gaze, of the same reader’s sentences")
    return bool(names)


def _draw_dose(figure: Figure, summary: Summary, budgets: Sequence[int]) -> bool:
    """Naming, retrieval and looking against the share of films with gaze."""
    present = [name for name in DOSES if any(row.condition.name == name for row in summary.rows)]
    figure.set_size_inches(8.6, 5.6)
    panels: Sequence[Axes] = figure.subplots(2, 2).ravel()
    for axes, metric in zip(panels, RECOGNITION, strict=True):
        _prepare(axes, "y")
        for b, budget in enumerate(budgets):
            rows = {row.condition.name: row for row in summary.at(budget)}
            places = [i + (b - (len(budgets) - 1) / 2) * 0.1 for i, name in enumerate(present) if name in rows]
            mean, bars = _points([rows[name] for name in present if name in rows], metric)
            axes.errorbar(places, mean, yerr=bars, **_look(b, budget), linestyle="none")
        axes.set_xticks(range(len(present)), [name.removeprefix("gaze_").replace("no_gaze", "0") for name in present])
        axes.set_xlim(-0.5, len(present) - 0.5)
        axes.axhline(chance_of(metric, summary.films), color="#555555", linewidth=0.9, linestyle=(0, (1, 2)))
        axes.set_title(metric.title, fontsize=9.5)
    for axes in panels[2:]:
        axes.set_xlabel("training films with gaze, % (not to scale)", fontsize=9)
    figure.suptitle("What a dose of gaze buys", fontsize=11)
    _legend(figure, panels[0], "dotted: chance")
    return len(present) > 1


def _points(rows: Sequence[Row], metric: Metric) -> tuple[list[float], Any]:
    """Means, and (2, k) lengths of the bars below and above them."""
    found = [row.values[metric.name] for row in rows]
    bars = np.nan_to_num(np.array([[i.mean - i.low for i in found], [i.high - i.mean for i in found]]))
    return [interval.mean for interval in found], bars


def _look(index: int, budget: int) -> dict[str, Any]:
    colour = COLOURS[index % len(COLOURS)]
    marker = MARKERS[index % len(MARKERS)]
    return {"color": colour, "marker": marker, "markersize": 4.5, "capsize": 2.2, "elinewidth": 1.1, "label": f"{budget} steps"}


def _prepare(axes: Axes, along: str) -> None:
    axes.set_facecolor("white")
    axes.grid(axis="x" if along == "x" else "y", color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _legend(figure: Figure, axes: Axes, *more: str) -> None:
    handles, labels = axes.get_legend_handles_labels()
    title = "mean and 95 % interval over seeds" + "".join(f"; {words}" for words in more)
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, title=title, title_fontsize=8.5)
