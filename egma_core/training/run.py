"""A run's folder: what lies where, which checkpoint is the latest and which the best, and the log of events."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from egma_core.errors import CheckpointError, EgmaError, TrainingError
from egma_core.examples.manifest import Manifest
from egma_core.files import Claim, disk_in_words, replace_file
from egma_core.training.config import TrainingConfig, load_config, save_config

Pointer = Literal["latest", "best"]

CLAIM = "run.lock"
"""The file that the process which trains the run holds a claim on."""

FIRST = frozenset({CLAIM, "checkpoints", "manifest.json", "manifest.json.tmp", "config.toml.tmp"})
"""What a process that was killed while it began a run may have left; the configuration is written last."""


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
        """Make `latest` or `best` name a checkpoint, in one indivisible change.

        Raises:
            TrainingError: The disk refuses.
        """
        _replace(self.path / pointer, checkpoint.name + "\n")

    def pointed(self, pointer: Pointer) -> Path | None:
        """The checkpoint that `latest` or `best` names; None while there is none.

        Raises:
            CheckpointError: It cannot be read, or names a checkpoint that is not there.
        """
        file = self.path / pointer
        if not file.is_file():
            return None
        with disk_in_words(CheckpointError, f"The file {pointer} of the run {self.path.name} cannot be read"):
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
        """The checkpoints that are there, by their steps; what else lies beside them, such as a copy with another name, is left out."""
        steps = {path: path.name.removeprefix("step_") for path in self.checkpoints.glob("step_*") if path.is_dir()}
        return sorted((path for path, step in steps.items() if step.isdecimal()), key=lambda path: int(steps[path]), reverse=True)

    def tidy(self) -> None:
        """Remove what a killed process left half-written or half-removed."""
        for kind in ("unfinished", "replaced", "pruned"):
            for leftover in self.checkpoints.glob(f".*.{kind}"):
                shutil.rmtree(leftover, ignore_errors=True)

    def put_aside(self, checkpoint: Path) -> None:
        """Hide a damaged checkpoint, so that its step can be done again; an older damaged one of its step goes.

        Raises:
            CheckpointError: The disk refuses.
        """
        aside = checkpoint.with_name(f".{checkpoint.name}.damaged")
        shutil.rmtree(aside, ignore_errors=True)
        with disk_in_words(CheckpointError, f"The damaged checkpoint {checkpoint.name} cannot be moved out of the way"):
            replace_file(checkpoint, aside)

    def prune(self, keep: int) -> None:
        """Remove all but the newest `keep` checkpoints; what `latest` and `best` name always stays, and so does what cannot be removed."""
        wanted = {self.pointed(pointer) for pointer in ("latest", "best") if self.holds(pointer)}
        for folder in self.newest_first()[keep:]:
            if folder not in wanted:
                # Renamed first: a folder that looks like a checkpoint is a whole one, also when this ends half-way.
                doomed = folder.with_name(f".{folder.name}.{uuid4().hex}.pruned")
                with contextlib.suppress(OSError):
                    replace_file(folder, doomed)
                    shutil.rmtree(doomed, ignore_errors=True)

    def log(self, event: Mapping[str, Any]) -> None:
        """Append one event.

        Raises:
            TrainingError: The disk refuses.
        """
        line = json.dumps(event, ensure_ascii=False, allow_nan=False) + "\n"
        with (
            disk_in_words(TrainingError, f"The run {self.path.name} cannot log what happens"),
            self.events.open("a", encoding="utf-8", newline="\n") as file,
        ):
            file.write(line)

    def log_error(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Append the error that a `with` block ended by, if it has words; a disk that refuses does not take their place."""
        if isinstance(error, EgmaError):
            with contextlib.suppress(TrainingError):
                self.log({"event": "error", "what": error.what, "remedy": error.remedy})

    def write_metrics(self, figures: Mapping[str, Any]) -> None:
        """Write the final figures.

        Raises:
            TrainingError: The disk refuses.
        """
        _replace(self.metrics, json.dumps(figures, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


def open_run(path: Path, config: TrainingConfig, manifest: Manifest, accepted: contextlib.ExitStack) -> RunFolder:
    """Begin a run in a folder, or find it there to go on with; until `accepted` ends no other process can, and errors are logged.

    Settings of the machine, and how often to evaluate and save, may differ from those it began with; nothing else may.

    Args:
        path: The folder.
        config: Everything that decides the run.
        manifest: The examples.
        accepted: Gives the claim on the folder back when it ends. It is given nothing where the folder is refused, which
            is then as it was before.

    Raises:
        TrainingError: The folder holds another run, one that is being trained, or something that is no run; or the disk refuses.
    """
    run = RunFolder(path)
    with disk_in_words(TrainingError, f"The run's folder {path.name} cannot be used", "Look at the path, or choose another folder."):
        _check_folder(run, config, manifest)
        path.mkdir(parents=True, exist_ok=True)
        try:
            claim = Claim(path / CLAIM)
        except BlockingIOError as error:
            raise TrainingError(
                f"Another process is training the run {path.name}.", "Wait for it, stop it, or choose another folder."
            ) from error
        accepted.callback(claim.release)
        run.checkpoints.mkdir(exist_ok=True)
        manifest.save(run.manifest)
        save_config(run.config, config)
    accepted.push(run.log_error)
    return run


def _check_folder(run: RunFolder, config: TrainingConfig, manifest: Manifest) -> None:
    name, path = run.path.name, run.path
    if run.config.is_file():
        if _decisive(load_config(run.config)) != _decisive(config):
            raise TrainingError(
                f"The run {name} was begun with another configuration.", f"Choose another folder, or train by {run.config}."
            )
        if Manifest.load(run.manifest).hash != manifest.hash:
            raise TrainingError(
                f"The run {name} was begun with other examples; the library may have grown since.",
                f"To go on with its own, give --manifest {run.manifest}; for the new ones choose another folder.",
            )
    elif path.exists():
        found = {entry.name for entry in path.iterdir()} if path.is_dir() else {""}
        begun = CLAIM in found and found <= FIRST
        if found and not begun:
            raise TrainingError(f"{name} is no run and is not empty, so nothing is written into it.", "Choose another folder.")


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
    with disk_in_words(TrainingError, f"The file {path.name} of the run {path.parent.name} cannot be written"):
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        replace_file(unfinished, path)
