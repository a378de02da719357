"""A study from its plan to its report: films, readings, trainings side by side, and the figures compared.

It can be stopped at any moment and goes on where it was: each finished run is one file, an interrupted run its own checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from egma_core.ablation.folder import StudyFolder, write_json, write_text
from egma_core.ablation.plan import RunPlan, StudyPlan
from egma_core.ablation.report import markdown
from egma_core.ablation.summary import summarise
from egma_core.ablation.team import Task, Team
from egma_core.errors import ConfigError, MissingExtraError
from egma_core.synthetic.films import make_phantom

Progress = Callable[[str, int, int], None]

DRAWING, READING, TRAINING = "Drawing phantom films", "Reading films", "Training"
FILMS_AT_ONCE = 16


def stage_weights(plan: StudyPlan) -> dict[str, float]:
    """The stages in order, with about the seconds that each takes on one core."""
    films = plan.train + plan.validation + plan.test
    steps = sum(run.budget for run in plan.runs)
    return {DRAWING: 0.05 * films, READING: 0.012 * films * len(plan.readers), TRAINING: 0.09 * steps}


def run_study(out: Path, plan: StudyPlan, *, jobs: int, progress: Progress | None = None) -> StudyFolder:
    """Run a study, or what is left of it, in a folder.

    Args:
        out: The folder.
        plan: What is compared.
        jobs: Worker processes, of one thread each.
        progress: Called with the stage's name, units done and units in all.

    Raises:
        EgmaError: The folder holds something else, or a task failed; what was finished is kept.
    """
    folder = StudyFolder.open(out, plan)
    tell = progress or _silently
    seeds = [seed for split in plan.phantom_seeds().values() for seed in split]
    missing = [seed for seed in seeds if not folder.film(make_phantom(seed)).is_file()]
    unread = [reader.name for reader in plan.readers if not folder.manifest(reader.name).is_file()]
    left = [run for run in plan.runs if not folder.result(run.name).is_file()]
    if missing or unread or left:
        study = str(folder.path.resolve())
        blocks = [missing[i : i + FILMS_AT_ONCE] for i in range(0, len(missing), FILMS_AT_ONCE)]
        with Team(jobs) as team:
            for stage, tasks, done in (
                (DRAWING, [Task({"do": "films", "study": study, "seeds": b}, len(b)) for b in blocks], len(seeds) - len(missing)),
                (
                    READING,
                    [Task({"do": "readings", "study": study, "reader": name}, 1) for name in unread],
                    len(plan.readers) - len(unread),
                ),
                (TRAINING, [Task({"do": "run", "study": study, "run": run.name}, run.budget) for run in left], _done(plan, left)),
            ):
                team.carry_out(tasks, lambda i, n, stage=stage: tell(stage, i, n), done)
    return folder


def report_study(folder: StudyFolder, plan: StudyPlan, command: str) -> tuple[str, MissingExtraError | None]:
    """Compare what is finished, and write `ablation.json`, `ablation.md` and the plots.

    Args:
        folder: The study.
        plan: Its plan.
        command: The command that made it, for the table.

    Returns:
        The table as Markdown; and what is missing where the plots could not be drawn, for the table is written all the same.

    Raises:
        ConfigError: Nothing is finished yet, or a result is damaged.
    """
    results = folder.results(plan.runs)
    if not results:
        raise ConfigError(f"No run of the study in {folder.path} is finished.", "Let it go on first.")
    summary = summarise(plan, results)
    table = markdown(plan, summary, command)
    write_json(folder.path / "ablation.json", {"command": command, **plan.record(), **summary.to_json(), "results": results})
    write_text(folder.path / "ablation.md", table)
    try:
        # matplotlib takes a second to import and belongs to an extra.
        from egma_core.ablation.plots import draw_plots

        draw_plots(summary, folder.path)
    except MissingExtraError as error:
        return table, error
    return table, None


def _done(plan: StudyPlan, left: list[RunPlan]) -> int:
    """Steps of the runs that are finished."""
    return sum(run.budget for run in plan.runs) - sum(run.budget for run in left)


def _silently(_stage: str, _done: int, _total: int) -> None:
    """Report nothing."""
