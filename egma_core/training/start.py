"""How a run begins: with fresh weights, with another checkpoint's, or where its own latest whole checkpoint left off."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import nn

from egma_core.errors import CheckpointError, ConfigError, TrainingError
from egma_core.examples.batch import PictureShape
from egma_core.examples.loader import ExampleLoader, FilmCache
from egma_core.examples.manifest import Manifest
from egma_core.model.checkpoint import find_checkpoint, load_model, read_provenance, shareable
from egma_core.model.config import ModelConfig
from egma_core.model.egma import Egma
from egma_core.model.sealed import check_seal, seal_hash
from egma_core.model.sources import without_folders
from egma_core.model.tokens import build_tokenizer
from egma_core.options import to_mapping
from egma_core.training.config import TrainingConfig
from egma_core.training.machine import use_threads
from egma_core.training.optim import build_optimiser
from egma_core.training.precision import Precision
from egma_core.training.randomness import seed_all
from egma_core.training.run import RunFolder, open_run
from egma_core.training.runtime import Runtime
from egma_core.training.state import STATE_FILES, Learner, Progress, load_state


@dataclass(frozen=True)
class Start:
    """A run that is about to go on.

    Attributes:
        run: Its folder.
        manifest: Its examples.
        training: Training batches, of which each process gets its part.
        validation: Validation batches, which the leading process reads alone.
        steps: Steps of the whole run.
        learner: What a step moves.
        progress: How far the run got.
        saved_at: Step of the checkpoint that this was read from, or None for a new run.
        provenance: What checkpoints say of where they come from.
        damaged: Words about each later checkpoint that was not whole and was left out.
        sizes: What the run works with, for its first event.
    """

    run: RunFolder
    manifest: Manifest
    training: ExampleLoader
    validation: ExampleLoader
    steps: int
    learner: Learner
    progress: Progress
    saved_at: int | None
    provenance: dict[str, Any]
    damaged: tuple[str, ...]
    sizes: dict[str, Any]


def begin(config: TrainingConfig, manifest_path: Path, out: Path, runtime: Runtime, accepted: contextlib.ExitStack) -> Start:
    """Open a run's folder and read its latest whole checkpoint, or make a new model; the same weights in every process.

    Until `accepted` ends, the folder is this run's alone and errors are logged in it; see `open_run`.

    Raises:
        InterchangeError: The manifest cannot be used.
        ConfigError: The configuration does not fit the model, this machine, or the checkpoint to start from.
        CheckpointError: There are checkpoints, but none is whole or holds a state; or the one to start from is damaged.
        TrainingError: The folder holds another run, there is too little to train on, or this machine lacks what the
            configuration asks for.
    """
    threads = use_threads(config, runtime.place)
    _check_compile(config, runtime.device)
    _check_terms(config)
    precision = Precision(config.optim.precision, runtime.device)
    manifest = Manifest.load(manifest_path)
    run = runtime.lead(lambda: open_run(out, config, manifest, accepted))
    if len(set(runtime.each(manifest.hash))) > 1:
        raise TrainingError("The processes of the run were given different examples.", "Give all of them the same manifest or library.")
    latest, damaged = runtime.lead(lambda: latest_whole(run))
    if latest is None:
        learner, progress, parent = _fresh(config, manifest, precision, runtime)
    else:
        learner, progress, parent = _resumed(run, latest, config, precision, runtime)
    _check_batch_norm(config, learner.model, runtime)
    runtime.spread(value.detach() for value in learner.model.state_dict().values())
    if config.optim.compile:
        cast(nn.Module, learner.model.vision).compile()
    training, validation = _loaders(config, manifest, learner.model, runtime)
    gaze = training.gaze_used()
    return Start(
        run=run,
        manifest=manifest,
        training=training,
        validation=validation,
        steps=config.optim.steps or config.optim.epochs * len(training),
        learner=learner,
        progress=progress,
        saved_at=progress.step if latest else None,
        provenance={"manifest": manifest.hash, "config": to_mapping(_shareable(config)), "parent": parent, "gaze": gaze},
        damaged=damaged,
        sizes={
            "device": str(runtime.device),
            "processes": runtime.place.world,
            "threads": threads,
            "weights": sum(weight.numel() for weight in learner.model.parameters()),
            "examples": len(training.films),
            "validation_examples": len(validation.films),
            "batches_per_epoch": len(training),
            "gaze_patients": gaze["patients"],
            "gaze_sentences": gaze["sentences"],
        },
    )


def latest_whole(run: RunFolder) -> tuple[Path | None, tuple[str, ...]]:
    """The checkpoint to go on from, and words about newer ones that are not whole.

    A checkpoint that is not whole is moved out of the way, and training does its steps again. What a killed process
    left half-written is removed.

    Raises:
        CheckpointError: There are checkpoints, and none is whole.
    """
    run.tidy()
    broken: dict[Path, CheckpointError] = {}
    for folder in run.newest_first():
        try:
            check_seal(folder, STATE_FILES)
        except CheckpointError as error:
            broken[folder] = error
            continue
        for torn in broken:
            run.put_aside(torn)
        run.point("latest", folder)
        if not run.holds("best"):
            run.point("best", folder)
        return folder, tuple(error.what for error in broken.values())
    if broken:
        raise next(iter(broken.values()))
    return None, ()


def _resumed(
    run: RunFolder, latest: Path, config: TrainingConfig, precision: Precision, runtime: Runtime
) -> tuple[Learner, Progress, str | None]:
    learner, progress = load_state(latest, config, precision, runtime)
    if runtime.place.leads and progress.best_step in (None, progress.step):
        run.point("best", latest)  # a process that was killed may have saved it and not yet said so
    return learner, progress, read_provenance(latest).get("parent")


def _fresh(config: TrainingConfig, manifest: Manifest, precision: Precision, runtime: Runtime) -> tuple[Learner, Progress, str | None]:
    """A model to train, nothing done yet, and the hash of the checkpoint that its weights are from."""
    seed_all(config.seed)
    parent = None
    if config.start_from:
        source = find_checkpoint(Path(config.start_from).expanduser())
        model = load_model(source)
        if not _same_network(model.config, config.model):
            raise ConfigError(
                f"The checkpoint {source.name} that the run shall start from is another model than the configuration's.",
                f"Take the settings of the model from {source.name}/config.json.",
            )
        model.config, parent = config.model, seal_hash(source)
    else:
        reports = ((e.patient, s.text) for e in manifest.of("train") for s in e.sentences)
        model = Egma(config.model, build_tokenizer(config.model.text, reports))
    if runtime.place.rank:
        seed_all(config.seed, runtime.place.rank)
    model = model.to(runtime.device).train()
    return Learner(model, build_optimiser(model, config.optim), precision), Progress(), parent


def _loaders(config: TrainingConfig, manifest: Manifest, model: Egma, runtime: Runtime) -> tuple[ExampleLoader, ExampleLoader]:
    shape = PictureShape(config.model.vision.size_px, *model.grid, model.finer_grids)
    films = FilmCache(manifest.films, shape.size_px, config.data)

    def loader(split: Literal["train", "validation"], rank: int, world: int) -> ExampleLoader:
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
            rank=rank,
            world=world,
        )

    n = len(manifest.of("train"))
    if n < 2:
        raise TrainingError(
            f"The manifest has {n} examples to train on, and a contrast needs two at least.",
            "Record more readings, or export again with a larger share for training.",
        )
    return loader("train", runtime.place.rank, runtime.place.world), loader("validation", 0, 1)


def _same_network(one: ModelConfig, other: ModelConfig) -> bool:
    """Whether weights of one fit the other; how films are scored, sentences grouped, and where encoders came from, may differ."""

    def plain(config: ModelConfig) -> ModelConfig:
        return replace(config, score="", vision=replace(config.vision, source=""), text=replace(config.text, source="", by_length=False))

    return plain(one) == plain(other)


def _shareable(config: TrainingConfig) -> TrainingConfig:
    """The configuration as a checkpoint tells it to others, without this machine's folders."""
    return replace(
        config,
        model=shareable(config.model),
        data=replace(config.data, cache_folder=without_folders(config.data.cache_folder)),
        start_from=without_folders(config.start_from),
    )


def _check_terms(config: TrainingConfig) -> None:
    loss = config.loss
    if not (loss.fine_grained_weight or loss.gaze_weight or loss.mapping_weight or loss.global_weight):
        raise ConfigError("Every loss term has the weight 0, so there is nothing to learn.", "Give one of them a weight.")


def _check_batch_norm(config: TrainingConfig, model: Egma, runtime: Runtime) -> None:
    """Refuse what batch normalisation would make another computation: its figures are of the films in one pass of one process."""
    split = config.optim.micro_batch or runtime.place.world > 1
    if split and any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d) for module in model.modules()):
        raise ConfigError(
            "The image encoder normalises over the films of a batch, which must then be in one pass of one process.",
            "Set optim.micro_batch to 0 and devices and nodes to 1, or choose a backbone without, such as Swin, ViT or ConvNeXt.",
        )


def _check_compile(config: TrainingConfig, device: torch.device) -> None:
    if config.optim.compile and (sys.platform != "linux" or device.type != "cuda" or importlib.util.find_spec("triton") is None):
        raise ConfigError("The image encoder can be compiled on Linux with an NVIDIA GPU and triton alone.", "Set optim.compile to false.")
