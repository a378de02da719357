"""A study from its plan to its report: films, readings, trainings side by side, and the figures compared.

It can be stopped at any moment and goes on where it was: each finished run is one file, an interrupted run its own checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from egma_core.ablation.folder import StudyFolder, write_json, write_text
from egma_core.ablation.lock import study_lock
from egma_core.ablation.plan import StudyPlan
from egma_core.ablation.provenance import Origin
from egma_core.ablation.questions import Questions
from egma_core.ablation.report import markdown
from egma_core.ablation.summary import summarise
from egma_core.ablation.team import Task, Team
from egma_core.errors import ConfigError, MissingExtraError
from egma_core.synthetic.films import make_phantom

Progress = Callable[[str, int, int], None]

DRAWING, TAKING, READING, TRAINING = "Drawing phantom films", "Drawing test films without a finding", "Reading films", "Training"
FILMS_AT_ONCE = 16


def stage_weights(plan: StudyPlan) -> dict[str, float]:
    """The stages in order, with about the seconds that each takes on one core."""
    films = plan.train + plan.validation + plan.test
    steps = sum(run.budget for run in plan.runs)
    return {DRAWING: 0.05 * films, TAKING: 0.15 * plan.test, READING: 0.012 * films * len(plan.readers), TRAINING: 0.09 * steps}


def run_study(out: Path, plan: StudyPlan, *, jobs: int, progress: Progress | None = None) -> StudyFolder:
    """Run a study, or what is left of it, in a folder.

    Args:
        out: The folder.
        plan: What is compared.
        jobs: Worker processes, of one thread each.
        progress: Called with the stage's name, units done and units in all.

    Raises:
        EgmaError: The folder holds something else, another command runs it, or a task failed; what was finished is kept.
    """
    folder = StudyFolder.open(out, plan)
    with study_lock(folder.path):
        _run(folder, plan, jobs, progress or _silently)
    return folder


def _run(folder: StudyFolder, plan: StudyPlan, jobs: int, tell: Progress) -> None:
    splits = plan.phantom_seeds()
    seeds = [seed for split in splits.values() for seed in split]
    missing = [seed for seed in seeds if not folder.film(make_phantom(seed)).is_file()]
    whole = [seed for seed in splits["test"] if not folder.without(make_phantom(seed)).is_file()]
    unread = [reader.name for reader in plan.readers if not folder.manifest(reader.name).is_file()]
    finished = folder.results(plan.runs)
    left = [run for run in plan.runs if run.name not in finished]
    if not (missing or whole or unread or left):
        return
    study = str(folder.path.resolve())

    def drawn(do: str, seeds: list[int]) -> list[Task]:
        blocks = [seeds[i : i + FILMS_AT_ONCE] for i in range(0, len(seeds), FILMS_AT_ONCE)]
        return [Task({"do": do, "study": study, "seeds": block}, len(block)) for block in blocks]

    readings = [Task({"do": "readings", "study": study, "reader": name}, 1) for name in unread]
    trainings = [Task({"do": "run", "study": study, "run": run.name}, run.budget) for run in left]
    with Team(jobs) as team:
        for stage, tasks, done in (
            (DRAWING, drawn("films", missing), len(seeds) - len(missing)),
            (TAKING, drawn("without", whole), plan.test - len(whole)),
            (READING, readings, len(plan.readers) - len(unread)),
            (TRAINING, trainings, sum(run.budget for run in plan.runs) - sum(run.budget for run in left)),
        ):
            team.carry_out(tasks, lambda i, n, stage=stage: tell(stage, i, n), done)


def report_study(folder: StudyFolder, command: str) -> tuple[str, MissingExtraError | None]:
    """Compare what is finished, and write `ablation.json`, `ablation.md` and the plots. Needs the folder alone, and no torch.

    Args:
        folder: The study.
        command: The command that made it, for the table.

    Returns:
        The table as Markdown; and what is missing where the plots could not be drawn, for the table is written all the same.

    Raises:
        ConfigError: The folder holds no study, nothing is finished yet, a result is damaged, or one is about other questions.
    """
    plan, record = folder.plan(), folder.record()
    results = folder.results(plan.runs)
    if not results:
        raise ConfigError(f"No run of the study in {folder.path} is finished.", "Let it go on first.")
    asked = Questions.of(plan)
    for name, result in results.items():
        if result["judged_by"]["questions"] != asked.digest:
            raise ConfigError(
                f"The run {name} was judged on other questions than the program asks now.",
                f"Remove results/{name}.json and run the study's command again: its model is judged anew.",
            )
    summary = summarise(plan, results, asked)
    origin = Origin.of(record, results, command)
    table = markdown(plan, summary, origin)
    kept = {
        name: {**result, "figures": {key: value for key, value in result["figures"].items() if key != "outcomes"}}
        for name, result in results.items()
    }
    write_json(folder.path / "ablation.json", {**origin.to_json(), **record, **summary.to_json(), "results": kept})
    write_text(folder.path / "ablation.md", table)
    try:
        # matplotlib takes a second to import and belongs to an extra.
        from egma_core.ablation.plots import draw_plots

        draw_plots(summary, folder.path)
    except MissingExtraError as error:
        return table, error
    return table, None


def _silently(_stage: str, _done: int, _total: int) -> None:
    """Report nothing."""
