"""The training loop, to be read from top to bottom: batch, losses, step, and now and then an evaluation and a checkpoint."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from torch import nn

from egma_core.errors import TrainingError
from egma_core.examples.batch import Batch
from egma_core.examples.loader import ExampleLoader
from egma_core.training.config import TrainingConfig
from egma_core.training.gradients import put_gradients
from egma_core.training.machine import keep_memory, memory_in_words
from egma_core.training.optim import learning_rate_at
from egma_core.training.randomness import RandomState
from egma_core.training.report import Clock, Reporter
from egma_core.training.runtime import Runtime, open_runtime
from egma_core.training.start import Start, begin
from egma_core.training.state import Learner, Progress, save_state
from egma_core.training.validation import SELECTION, validate

Emit = Callable[[dict[str, Any]], None]
Outcome = Literal["done", "stopped"]


def train(config: TrainingConfig, manifest_path: Path, out: Path, *, emit: Emit, should_stop: Callable[[], bool]) -> Outcome:
    """Train a model on a manifest's training split, or go on with the run that `out` holds.

    Configuration and manifest alone decide the run: stopped at any step and continued on the CPU, it ends at the very
    weights of an uninterrupted one. The best checkpoint is chosen on the validation split; the test split is never read.
    Where torchrun, SLURM or `egma_core.training.launcher` started several processes, all of them call this alike; one of
    them writes and speaks.

    Args:
        config: Everything that decides the run.
        manifest_path: The examples.
        out: The run's folder (see `RunFolder`); made if need be.
        emit: Takes each event, a JSON object whose key `event` is `damaged` (a checkpoint that was left out), `start`,
            `step`, `evaluation`, `checkpoint`, and at the end `done` or `stopped`. All are also appended to the run's
            `events.jsonl`; and there alone, as `error`, what ended the run once its folder was accepted.
        should_stop: Asked before each step; once true in any process, the state is saved and training stops.

    Returns:
        Whether all steps were done, or training stopped when asked to.

    Raises:
        InterchangeError: The manifest cannot be used.
        ConfigError: The configuration does not fit the model, or this machine.
        TrainingError: The folder holds another run or one that is being trained, there is too little to train on, the
            loss is no number any more, memory ran out, the disk refuses, or another process of the run failed.
        CheckpointError: No checkpoint to go on from is whole, or the disk refuses a new one.
        ImageError: A film cannot be decoded.
        MissingExtraError: The configuration needs a package that is not installed.
    """
    keep_memory()
    with open_runtime(config) as runtime, contextlib.ExitStack() as accepted, memory_in_words():
        start = begin(config, manifest_path, out, runtime, accepted)
        with Reporter(start.run, emit, config.tensorboard, start.progress.step, runtime.place) as report:
            for words in start.damaged:
                report("damaged", step=start.progress.step, what=words)
            report("start", run=out.name, step=start.progress.step, steps=start.steps, **start.sizes)
            return _train(config, start, runtime, report, should_stop)


def _train(config: TrainingConfig, start: Start, runtime: Runtime, report: Reporter, should_stop: Callable[[], bool]) -> Outcome:
    run, learner, progress, steps, saved_at = start.run, start.learner, start.progress, start.steps, start.saved_at
    evaluate_every = config.evaluate_every or len(start.training)
    checkpoint_every = config.checkpoint_every or evaluate_every
    clock = Clock(progress.seconds)
    for batch in runtime.together(_batches(start.training, progress.step, steps)):
        if runtime.any(should_stop()):
            if progress.step != saved_at:
                _checkpoint(config, start, replace(progress, seconds=clock.total_s), runtime)
            report("stopped", step=progress.step, steps=steps, path=str(run.checkpoint(progress.step)))
            return "stopped"
        learning_rate = learning_rate_at(progress.step, steps, config.optim)
        figures = _step(learner, batch.to(runtime.device), config, runtime, learning_rate, progress.step)
        progress = replace(progress, step=progress.step + 1)
        pace = clock.pace(len(batch.ids) * runtime.place.world, steps - progress.step)
        report("step", step=progress.step, steps=steps, **figures, learning_rate=learning_rate, **pace)
        last = progress.step == steps
        improved = False
        if last or progress.step % evaluate_every == 0:
            seen = runtime.lead(lambda: validate(learner.model, start.validation, config.loss, learner.precision))
            _check_finite(seen, progress.step, "validation ")
            progress, improved = _judged(progress, seen)
            report("evaluation", step=progress.step, best=improved, **seen)
        if last or improved or progress.step % checkpoint_every == 0:
            progress = replace(progress, seconds=clock.total_s)
            path = _checkpoint(config, start, progress, runtime)
            saved_at = progress.step
            report("checkpoint", step=progress.step, path=str(path))
        clock.resume()
    best = runtime.lead(lambda: _finished(start, progress))
    report("done", step=progress.step, steps=steps, seconds=progress.seconds, path=str(best))
    return "done"


def _batches(loader: ExampleLoader, step: int, steps: int) -> Iterator[Batch]:
    """Batches from one step to the end, pass after pass; a pass that was interrupted goes on where it was."""
    while step < steps:
        epoch, done = divmod(step, len(loader))
        for batch in loader.epoch(epoch, done):
            yield batch
            step += 1
            if step == steps:
                return


def _step(
    learner: Learner, batch: Batch, config: TrainingConfig, runtime: Runtime, learning_rate: float, step: int
) -> dict[str, float | None]:
    """Move the weights once; return the loss terms as they were before, and what else is worth watching.

    The gradient's norm is that before clipping; None where fp16 overflowed, and the step was therefore left out.
    """
    model, optimiser, precision = learner.model, learner.optimiser, learner.precision
    for group in optimiser.param_groups:
        group["lr"] = learning_rate
    optimiser.zero_grad(set_to_none=True)
    values = put_gradients(model, batch, config, runtime, precision)
    precision.scaler.unscale_(optimiser)
    norm = float(nn.utils.clip_grad_norm_(model.parameters(), config.optim.clip_norm or math.inf))
    overflowed = precision.scaler.is_enabled() and not math.isfinite(norm)
    _check_finite(values if overflowed else {**values, "gradient": norm}, step)
    precision.step(optimiser)
    model.clamp_scale()
    return {**values, "gradient_norm": None if overflowed else norm, "temperature": 1 / float(model.scale.detach())}


def _check_finite(figures: Mapping[str, float], step: int, whose: str = "") -> None:
    wrong = next((name for name, value in figures.items() if not math.isfinite(value)), None)
    if wrong is not None:
        raise TrainingError(
            f"After {step} steps the {whose}{wrong.replace('_', '-')} is no finite number any more.",
            "Lower the learning rate or lengthen the warm-up, and train again in another folder.",
        )


def _judged(progress: Progress, figures: dict[str, float]) -> tuple[Progress, bool]:
    """Progress with new validation figures, and whether they are the best so far."""
    value = figures.get(SELECTION)
    improved = value is not None and (progress.best_value is None or value > progress.best_value)
    progress = replace(progress, validation=figures)
    return (replace(progress, best_step=progress.step, best_value=value) if improved else progress), improved


def _checkpoint(config: TrainingConfig, start: Start, progress: Progress, runtime: Runtime) -> Path:
    """Save the state and let `latest` and, where it is, `best` name it; without a validation split the best is the latest."""
    run = start.run
    folder = run.checkpoint(progress.step)
    random = runtime.each(RandomState.take(runtime.device))

    def save() -> None:
        save_state(folder, start.learner, progress, random, start.provenance)
        run.point("latest", folder)
        if progress.best_step in (None, progress.step):
            run.point("best", folder)
        run.prune(config.keep)

    runtime.lead(save)
    return folder


def _finished(start: Start, progress: Progress) -> Path | None:
    """Write the final figures; return the best checkpoint."""
    start.run.write_metrics(
        {
            "steps": progress.step,
            "seconds": progress.seconds,
            "best": {"step": progress.best_step, "figure": SELECTION, "value": progress.best_value},
            "validation": progress.validation,
            "manifest": start.manifest.hash,
            "counts": start.manifest.counts,
        }
    )
    return start.run.pointed("best")
