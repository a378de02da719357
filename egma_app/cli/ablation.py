"""`egma ablate`: what gaze is worth on phantom films, measured again on this machine."""

from __future__ import annotations

import importlib.util
import os
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egma_app.cli.command import FOLDER, stages
from egma_core.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from egma_core.ablation.folder import StudyFolder
    from egma_core.ablation.plan import StudyPlan

STEP_OF_WORDS = 0.05
"""Where standard error is no terminal, how often the progress is said in a line."""


@click.command()
@click.option("--out", type=FOLDER, required=True, help="The study's folder; a study that it holds goes on.")
@click.option("--quick", is_flag=True, help="A taste: four conditions, one small budget, two seeds, half the films.")
@click.option("--seeds", type=click.IntRange(min=1), help="Seeds of each condition.  [default: 5, or 2 with --quick]")
@click.option("--budgets", metavar="STEPS,...", help="Optimiser steps, ascending.  [default: 150,600, or 100 with --quick]")
@click.option("--conditions", metavar="NAME,...", help="Only these conditions.  [default: all, or four with --quick]")
@click.option("--jobs", type=click.IntRange(min=1), help="Trainings side by side, one thread each.  [default: one a processor]")
@click.option("--table", is_flag=True, help="Train nothing; only write the table and plots of what is finished in the folder.")
def ablate(out: Path, quick: bool, seeds: int | None, budgets: str | None, conditions: str | None, jobs: int | None, table: bool) -> None:
    """Ask what gaze is worth, at equal budgets, on phantom films that simulated readers read.

    Trains the same small model without gaze, with doses of it, with the gaze of other sentences, without each loss term and with
    differently simulated readers, each with several seeds, and compares them on held-out films: does a sentence find its finding
    because of the film, or because its words say where to look? Writes ablation.json, ablation.md and plots. Ctrl+C stops; the
    same command goes on. The whole study takes about an hour on two cores.
    """
    # What a study needs takes long to import; the other commands do without it.
    from egma_core.ablation.folder import StudyFolder
    from egma_core.ablation.study import report_study

    if table:
        if quick or jobs is not None or seeds is not None or budgets is not None or conditions is not None:
            raise ConfigError("With --table the plan is the one in the folder.", "Give --table and --out alone.")
        folder = StudyFolder(out)
    else:
        folder = _run(out, _planned(quick, seeds, budgets, conditions), jobs or _processors())
    written, missing = report_study(folder, command_of(out, folder.plan()))
    click.echo(written)
    click.echo(f"In {out}: ablation.json, ablation.md{'' if missing else ', grounding and dose as SVG and PNG'}.")
    if missing is not None:
        click.echo(str(missing), err=True)


def _planned(quick: bool, seeds: int | None, budgets: str | None, conditions: str | None) -> StudyPlan:
    from egma_core.ablation.plan import StudyPlan

    plan = StudyPlan.quick() if quick else StudyPlan()
    return replace(
        plan,
        seeds=plan.seeds if seeds is None else seeds,
        budgets=plan.budgets if budgets is None else _numbers(budgets),
        conditions=plan.conditions if conditions is None else tuple(name.strip() for name in conditions.split(",")),
    )


def _run(out: Path, plan: StudyPlan, jobs: int) -> StudyFolder:
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("safetensors") is None:
        raise MissingExtraError("The ablation's training", "train")
    from egma_core.ablation.study import run_study, stage_weights

    with stages(stage_weights(plan)) as advance:
        return run_study(out, plan, jobs=jobs, progress=_in_words(advance))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--budgets {text} is no list of whole numbers.", "For example: --budgets 150,600") from error


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else (os.cpu_count() or 1)


def command_of(out: Path, plan: StudyPlan) -> str:
    """The command that makes this study again, as far as options can."""
    from egma_core.ablation.plan import StudyPlan

    sizes = ("train", "validation", "test")
    quick = StudyPlan.quick()
    is_quick = all(getattr(plan, name) == getattr(quick, name) for name in sizes)
    usual = quick if is_quick else StudyPlan()
    words = ["egma", "ablate", "--out", out.name or str(out)]
    words += ["--quick"] if is_quick else []
    words += ["--seeds", str(plan.seeds)] if plan.seeds != usual.seeds else []
    words += ["--budgets", ",".join(map(str, plan.budgets))] if plan.budgets != usual.budgets else []
    words += ["--conditions", ",".join(plan.conditions)] if plan.conditions != usual.conditions else []
    return shlex.join(words)


def _in_words(advance: Callable[[str, int, int], None]) -> Callable[[str, int, int], None]:
    """Also say the progress and the time left in lines, where no bar can be drawn."""
    if sys.stderr.isatty():
        return advance
    begun: dict[str, tuple[float, int]] = {}
    said: dict[str, int] = {}

    def tell(stage: str, done: int, total: int) -> None:
        advance(stage, done, total)
        start_s, before = begun.setdefault(stage, (time.perf_counter(), done))
        part = int(done / max(total, 1) / STEP_OF_WORDS)
        if part > said.setdefault(stage, part) and done > before:
            said[stage] = part
            left_min = (time.perf_counter() - start_s) / (done - before) * (total - done) / 60
            left = f"about {left_min:.0f} min" if left_min >= 1 else "less than a minute"
            click.echo(f"{stage}: {done / total:.0%}, {left} left", err=True)

    return tell
