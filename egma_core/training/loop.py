"""The training loop, to be read from top to bottom: batch, losses, step, and now and then an evaluation and a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Literal

import torch
from torch import nn

from egma_core.errors import TrainingError
from egma_core.examples.loader import Batch, ExampleLoader, FilmCache, PictureShape
from egma_core.examples.manifest import Manifest
from egma_core.model.egma import Egma
from egma_core.model.tokens import build_tokenizer
from egma_core.options import to_mapping
from egma_core.training.config import TrainingConfig
from egma_core.training.objective import embed, loss_terms
from egma_core.training.optim import build_optimiser, learning_rate_at
from egma_core.training.run import RunFolder, open_run
from egma_core.training.runtime import choose_device, keep_memory, use_threads
from egma_core.training.state import Progress, load_state, save_state
from egma_core.training.validation import SELECTION, validate

Emit = Callable[[dict[str, Any]], None]
Outcome = Literal["done", "stopped"]

SMOOTHING = 0.9
"""Weight of the past in the running mean of a step's time."""


def train(config: TrainingConfig, manifest_path: Path, out: Path, *, emit: Emit, should_stop: Callable[[], bool]) -> Outcome:
    """Train a model on a manifest's training split, or go on with the run that `out` holds.

    Configuration and manifest alone decide the run: stopped at any step and continued on the CPU, it ends at the very
    weights of an uninterrupted one. The best checkpoint is chosen on the validation split; the test split is never read.

    Args:
        config: Everything that decides the run.
        manifest_path: The examples.
        out: The run's folder (see `RunFolder`); made if need be.
        emit: Takes each event, a JSON object whose key `event` is `start`, `step`, `evaluation`, `checkpoint`, and at the
            end `done` or `stopped`. All are also appended to the run's `events.jsonl`.
        should_stop: Asked before each step; once true, the state is saved and training stops.

    Returns:
        Whether all steps were done, or training stopped when asked to.

    Raises:
        InterchangeError: The manifest cannot be used.
        ConfigError: The configuration does not fit the model.
        TrainingError: The folder holds another run, there is too little to train on, or the loss is no number any more.
        CheckpointError: The checkpoint to go on from is damaged, or the disk refuses a new one.
        ImageError: A film cannot be decoded.
    """
    keep_memory()
    threads, device = use_threads(config), choose_device(config)
    manifest = Manifest.load(manifest_path)
    run = open_run(out, config, manifest)
    model, optimiser, progress = _begin(run, config, manifest, device)
    training, validation = _loaders(config, manifest, model)
    steps = config.optim.steps or config.optim.epochs * len(training)
    evaluate_every = config.evaluate_every or len(training)
    checkpoint_every = config.checkpoint_every or evaluate_every

    def report(event: str, **fields: Any) -> None:
        run.log({"event": event, **fields})
        emit({"event": event, **fields})

    sizes = {"examples": len(training.films), "validation_examples": len(validation.films), "batches_per_epoch": len(training)}
    report("start", run=out.name, step=progress.step, steps=steps, device=str(device), threads=threads, weights=_size(model), **sizes)
    provenance = {"manifest": manifest.hash, "config": to_mapping(config)}
    clock = _Clock(progress.seconds)
    for batch in _batches(training, progress.step, steps):
        if should_stop():
            path = _checkpoint(run, config, model, optimiser, replace(progress, seconds=clock.total_s), provenance)
            report("stopped", step=progress.step, steps=steps, path=str(path))
            return "stopped"
        learning_rate = learning_rate_at(progress.step, steps, config.optim)
        terms = _step(model, optimiser, batch.to(device), config, learning_rate, progress.step)
        progress = replace(progress, step=progress.step + 1)
        pace = clock.pace(len(batch.ids), steps - progress.step)
        report(
            "step",
            step=progress.step,
            steps=steps,
            **terms,
            learning_rate=learning_rate,
            temperature=1 / float(model.scale.detach()),
            **pace,
        )
        last = progress.step == steps
        improved = False
        if last or progress.step % evaluate_every == 0:
            progress, improved = _judged(progress, validate(model, validation, config.loss))
            report("evaluation", step=progress.step, best=improved, **progress.validation)
        if last or improved or progress.step % checkpoint_every == 0:
            progress = replace(progress, seconds=clock.total_s)
            path = _checkpoint(run, config, model, optimiser, progress, provenance)
            report("checkpoint", step=progress.step, path=str(path))
        clock.resume()
    run.write_metrics(_figures(progress, manifest))
    report("done", step=progress.step, steps=steps, seconds=progress.seconds, path=str(run.pointed("best")))
    return "done"


def _begin(run: RunFolder, config: TrainingConfig, manifest: Manifest, device: torch.device) -> tuple[Egma, torch.optim.AdamW, Progress]:
    """A fresh model, or the state that the run's latest checkpoint holds."""
    latest = run.pointed("latest")
    if latest is not None:
        return load_state(latest, config.optim, device)
    torch.manual_seed(config.seed)
    sentences = (s.text for e in manifest.of("train") for s in e.sentences)
    model = Egma(config.model, build_tokenizer(config.model.text, sentences)).to(device).train()
    return model, build_optimiser(model, config.optim), Progress()


def _loaders(config: TrainingConfig, manifest: Manifest, model: Egma) -> tuple[ExampleLoader, ExampleLoader]:
    shape = PictureShape(config.model.vision.size_px, *model.grid)
    films = FilmCache(manifest.films, shape.size_px)

    def loader(split: Literal["train", "validation"]) -> ExampleLoader:
        return ExampleLoader(
            manifest,
            split,
            data=config.data,
            shape=shape,
            tokenizer=model.tokenizer,
            batch_size=config.optim.batch_size,
            train=split == "train",
            seed=config.seed,
            films=films,
        )

    training = loader("train")
    if len(training.films) < 2:
        raise TrainingError(
            f"The manifest has {len(training.films)} examples to train on, and a contrast needs two at least.",
            "Record more readings, or export again with a larger share for training.",
        )
    return training, loader("validation")


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
    model: Egma, optimiser: torch.optim.AdamW, batch: Batch, config: TrainingConfig, learning_rate: float, step: int
) -> dict[str, float]:
    """Move the weights once; return the loss terms as they were before."""
    for group in optimiser.param_groups:
        group["lr"] = learning_rate
    optimiser.zero_grad(set_to_none=True)
    films, sentences = embed(model, batch)
    terms = loss_terms(model, batch, films, sentences, config.loss)
    terms["loss"].backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), config.optim.clip_norm or math.inf)
    values = {name: float(term.detach()) for name, term in terms.items()}
    wrong = [name for name, value in (*values.items(), ("gradient", float(norm))) if not math.isfinite(value)]
    if wrong:
        raise TrainingError(
            f"After {step} steps the {wrong[0].replace('_', '-')} is no finite number any more.",
            "Lower the learning rate or lengthen the warm-up, and train again in another folder.",
        )
    optimiser.step()
    model.clamp_scale()
    return values


def _judged(progress: Progress, figures: dict[str, float]) -> tuple[Progress, bool]:
    """Progress with new validation figures, and whether they are the best so far."""
    value = figures.get(SELECTION)
    improved = value is not None and (progress.best_value is None or value > progress.best_value)
    progress = replace(progress, validation=figures)
    return (replace(progress, best_step=progress.step, best_value=value) if improved else progress), improved


def _checkpoint(
    run: RunFolder, config: TrainingConfig, model: Egma, optimiser: torch.optim.AdamW, progress: Progress, provenance: dict[str, Any]
) -> Path:
    """Save the state and let `latest` and, where it is, `best` name it; without a validation split the best is the latest."""
    folder = run.checkpoint(progress.step)
    save_state(folder, model, optimiser, progress, provenance)
    run.point("latest", folder)
    if progress.best_step in (None, progress.step):
        run.point("best", folder)
    run.prune(config.keep)
    return folder


def _figures(progress: Progress, manifest: Manifest) -> dict[str, Any]:
    return {
        "steps": progress.step,
        "seconds": progress.seconds,
        "best": {"step": progress.best_step, "figure": SELECTION, "value": progress.best_value},
        "validation": progress.validation,
        "manifest": manifest.hash,
        "counts": manifest.counts,
    }


def _size(model: Egma) -> int:
    return sum(weight.numel() for weight in model.parameters())


class _Clock:
    """Time spent so far, a step's usual time, and the time left."""

    def __init__(self, earlier_s: float) -> None:
        self._started_ns = self._step_ns = perf_counter_ns()
        self._earlier_s = earlier_s
        self._usual_s = 0.0

    @property
    def total_s(self) -> float:
        """Seconds over all sessions."""
        return self._earlier_s + (perf_counter_ns() - self._started_ns) / 1e9

    def pace(self, examples: int, steps_left: int) -> dict[str, float]:
        """Examples a second in the step that ends now, and the seconds that the steps left will take."""
        seconds = max(1e-9, (perf_counter_ns() - self._step_ns) / 1e9)
        self._usual_s = SMOOTHING * self._usual_s + (1 - SMOOTHING) * seconds if self._usual_s else seconds
        return {"examples_per_s": examples / seconds, "eta_s": self._usual_s * steps_left}

    def resume(self) -> None:
        """The next step begins: an evaluation or a checkpoint in between is not its time."""
        self._step_ns = perf_counter_ns()
