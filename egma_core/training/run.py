"""A run's folder: what lies where, which checkpoint is the latest and which the best, and the log of events."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from egma_core.errors import CheckpointError, TrainingError
from egma_core.examples.manifest import Manifest
from egma_core.training.config import TrainingConfig, load_config, save_config

Pointer = Literal["latest", "best"]


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    `config.toml` and `manifest.json` say what was trained on what, `events.jsonl` what happened, `metrics.json` how it
    ended; `checkpoints/` holds the checkpoints, and the text files `latest` and `best` name one each.

    Attributes:
        path: The run's folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The configuration, as TOML."""
        return self.path / "config.toml"

    @property
    def manifest(self) -> Path:
        """The examples, as a manifest."""
        return self.path / "manifest.json"

    @property
    def events(self) -> Path:
        """Everything that was reported, one JSON object a line; a resumed run goes on below."""
        return self.path / "events.jsonl"

    @property
    def metrics(self) -> Path:
        """The final figures."""
        return self.path / "metrics.json"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / "checkpoints"

    def checkpoint(self, step: int) -> Path:
        """The folder of the checkpoint after `step` steps."""
        return self.checkpoints / f"step_{step:06d}"

    def point(self, pointer: Pointer, checkpoint: Path) -> None:
        """Make `latest` or `best` name a checkpoint, in one indivisible change."""
        _replace(self.path / pointer, checkpoint.name + "\n")

    def pointed(self, pointer: Pointer) -> Path | None:
        """The checkpoint that `latest` or `best` names; None while there is none.

        Raises:
            CheckpointError: It names a checkpoint that is not there.
        """
        file = self.path / pointer
        if not file.is_file():
            return None
        folder = self.checkpoints / file.read_text(encoding="utf-8").strip()
        if folder.parent != self.checkpoints or not folder.is_dir():
            raise CheckpointError(
                f"The file {pointer} of the run {self.path.name} names a checkpoint that is not there.",
                "Write the name of a folder under checkpoints/ into it.",
            )
        return folder

    def holds(self, pointer: Pointer) -> bool:
        """Whether `latest` or `best` names a checkpoint that is there."""
        try:
            return self.pointed(pointer) is not None
        except CheckpointError:
            return False

    def newest_first(self) -> list[Path]:
        """The checkpoints that are there, by their steps."""
        return sorted(self.checkpoints.glob("step_*"), key=lambda path: int(path.name.removeprefix("step_")), reverse=True)

    def tidy(self) -> None:
        """Remove what a killed process left half-written."""
        for leftover in (*self.checkpoints.glob(".*.unfinished"), *self.checkpoints.glob(".*.replaced")):
            shutil.rmtree(leftover, ignore_errors=True)

    def put_aside(self, checkpoint: Path) -> None:
        """Hide a damaged checkpoint, so that its step can be done again; an older damaged one of its step goes."""
        aside = checkpoint.with_name(f".{checkpoint.name}.damaged")
        shutil.rmtree(aside, ignore_errors=True)
        checkpoint.replace(aside)

    def prune(self, keep: int) -> None:
        """Remove all but the newest `keep` checkpoints; what `latest` and `best` name always stays."""
        wanted = {self.pointed("latest"), self.pointed("best")}
        for folder in self.newest_first()[keep:]:
            if folder not in wanted:
                shutil.rmtree(folder)

    def log(self, event: Mapping[str, Any]) -> None:
        """Append one event."""
        with self.events.open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(event, ensure_ascii=False, allow_nan=False) + "\n")

    def write_metrics(self, figures: Mapping[str, Any]) -> None:
        """Write the final figures."""
        _replace(self.metrics, json.dumps(figures, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


def open_run(path: Path, config: TrainingConfig, manifest: Manifest) -> RunFolder:
    """Begin a run in a folder, or find it there to go on with.

    Settings of the machine, and how often to evaluate and save, may differ from those it began with; nothing else may.

    Raises:
        TrainingError: The folder holds another run, or something that is no run.
    """
    run = RunFolder(path)
    elsewhere = f"Choose another folder than {path.name}, or give the configuration and manifest that it was begun with."
    if run.config.is_file():
        if _decisive(load_config(run.config)) != _decisive(config):
            raise TrainingError(f"The run {path.name} was begun with another configuration.", elsewhere)
        if Manifest.load(run.manifest).hash != manifest.hash:
            raise TrainingError(f"The run {path.name} was begun with other examples.", elsewhere)
    elif path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise TrainingError(f"{path.name} is no run and is not empty, so nothing is written into it.", "Choose another folder.")
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    manifest.save(run.manifest)
    save_config(run.config, config)
    return run


def _decisive(config: TrainingConfig) -> TrainingConfig:
    """The configuration with everything at its default that does not decide the weights, apart from their last digits."""
    plain = TrainingConfig()
    free = ("device", "devices", "nodes", "threads", "evaluate_every", "checkpoint_every", "keep", "tensorboard")
    return replace(
        config,
        optim=replace(config.optim, micro_batch=plain.optim.micro_batch, compile=plain.optim.compile),
        data=replace(config.data, **{name: getattr(plain.data, name) for name in ("workers", "memory_mb", "cache_folder")}),
        **{name: getattr(plain, name) for name in free},
    )


def _replace(path: Path, text: str) -> None:
    unfinished = path.with_name(path.name + ".tmp")
    with unfinished.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
