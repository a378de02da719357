"""A training run's configuration, declared once for the command line, TOML files and the form."""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from egma_core.assets import resource, resources
from egma_core.errors import ConfigError
from egma_core.examples.config import DataConfig
from egma_core.files import disk_in_words, replace_file
from egma_core.model.config import LossConfig, ModelConfig
from egma_core.options import Option, from_mapping, group, option, options_of, to_mapping

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


PRECISIONS = ("fp32", "bf16", "fp16")


@dataclass(frozen=True)
class OptimConfig:
    """How the weights are moved."""

    steps: int = option(0, "Optimiser steps; 0 means: by epochs", low=0, high=10_000_000)
    epochs: int = option(10, "Passes over the training examples", low=1, high=100_000)
    batch_size: int = option(32, "Films in a batch", low=2, high=65536)
    learning_rate: float = option(1.5e-3, "Peak learning rate (the paper uses 1e-6 from pretrained weights)", low=0.0, high=1.0)
    weight_decay: float = option(0.05, "Weight decay; never on norms, biases and the temperature", low=0.0, high=1.0)
    warmup: float = option(0.1, "Share of the steps that warm up; cosine to zero after them", low=0.0, high=0.9)
    clip_norm: float = option(1.0, "Largest gradient norm; 0 means: not limited", low=0.0, high=1000.0)
    micro_batch: int = option(
        0,
        "Films in one forward and backward pass, when a whole batch does not fit in memory; gradients stay those of the whole batch; "
        "0 means all at once",
        low=0,
        high=65536,
    )
    precision: str = option(
        "fp32", "What the encoders compute in; the losses always take float32. bf16 suits newer GPUs, fp16 older ones", choices=PRECISIONS
    )
    compile: bool = option(False, "Compile the image encoder (NVIDIA GPU and Linux alone): a slow start, then faster steps")


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides a run, besides its manifest."""

    model: ModelConfig = group(ModelConfig, "The model")
    loss: LossConfig = group(LossConfig, "The loss terms")
    data: DataConfig = group(DataConfig, "The examples")
    optim: OptimConfig = group(OptimConfig, "The optimiser")
    seed: int = option(0, "Seed of everything random", low=0, high=2**31 - 1)
    device: str = option("auto", "auto takes CUDA when there is one", choices=("auto", "cpu", "cuda"))
    devices: int = option(
        0, "Devices on each machine, a process each; 0 means as many as torchrun or SLURM started, else 1", low=0, high=1024
    )
    nodes: int = option(0, "Machines; 0 means as many as torchrun or SLURM started, else 1", low=0, high=65536)
    threads: int = option(0, "CPU threads of each process; 0 means all cores", low=0, high=1024)
    evaluate_every: int = option(0, "Steps between evaluations on the validation split; 0 means once an epoch", low=0, high=10_000_000)
    checkpoint_every: int = option(0, "Steps between checkpoints; 0 means at each evaluation", low=0, high=10_000_000)
    keep: int = option(2, "Checkpoints to keep besides the best", low=1, high=1000)
    start_from: str = option("", "Folder of a run or checkpoint whose weights a new run starts from; empty for fresh ones")
    tensorboard: bool = option(False, "Also write the figures for TensorBoard, into the run's folder tensorboard")


def load_config(path: Path) -> TrainingConfig:
    """Read a training configuration from a TOML file; settings it does not name keep their defaults.

    Raises:
        ConfigError: The file is missing, is not TOML, names an unknown setting, or a value is out of bounds.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"The training configuration {path} cannot be read ({error.strerror}).", "Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The training configuration {path} is not valid TOML: {error}.", "Correct that line of the file.") from error
    return from_mapping(TrainingConfig, values)


def override(config: TrainingConfig, settings: Mapping[str, str]) -> TrainingConfig:
    """A configuration with some settings changed, as a command line gives them.

    Args:
        config: The configuration.
        settings: New values as text by dotted name, such as `optim.steps`: "10"; true or false for a switch, and
            values between commas for a list.

    Raises:
        ConfigError: There is no such setting, or the text is no value of it.
    """
    values = to_mapping(config)
    for name, text in settings.items():
        _put(values, TrainingConfig, name, text, name)
    return from_mapping(TrainingConfig, values)


def save_config(path: Path, config: TrainingConfig) -> None:
    """Write every setting of a configuration as TOML, so that the file says all that decides the run; an existing file is replaced.

    Raises:
        ConfigError: The disk refuses.
    """
    unfinished = path.with_name(path.name + ".tmp")
    with disk_in_words(ConfigError, f"The training configuration {path.name} cannot be written"):
        unfinished.write_text(tomli_w.dumps(to_mapping(config)), encoding="utf-8", newline="\n")
        replace_file(unfinished, path)


def presets() -> tuple[str, ...]:
    """Names of the configurations that come with the program."""
    return tuple(sorted(path.stem for path in (resources() / "presets").glob("*.toml")))


def preset(name: str) -> TrainingConfig:
    """One of the configurations that come with the program.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in presets():
        raise ConfigError(f"There is no preset {name}.", f"Choose one of: {', '.join(presets())}.")
    return load_config(resource("presets", f"{name}.toml"))


def _put(values: dict[str, Any], kind: type[Any], name: str, text: str, whole: str) -> None:
    """Put a setting's value where its dotted name leads to."""
    first, dot, rest = name.partition(".")
    found = next((o for o in options_of(kind) if o.name == first), None)
    if found is None or dataclasses.is_dataclass(found.kind) != bool(dot):
        known = ", ".join(o.name for o in options_of(kind))
        raise ConfigError(f"There is no setting {whole}.", f"Known here: {known}.")
    if dot:
        _put(values[first], found.kind, rest, text, whole)
    else:
        values[first] = _read(found, text, whole)


def _read(option: Option, text: str, name: str) -> Any:
    """A setting's value from its text; a number that is none stays text, for the check of kinds to refuse."""
    if typing.get_origin(option.kind) is tuple:
        element = typing.get_args(option.kind)[0]
        return [_read(dataclasses.replace(option, kind=element), part.strip(), name) for part in text.split(",") if part.strip()]
    if option.kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    if option.kind in (int, float):
        try:
            return option.kind(text)
        except ValueError as error:
            kind = "a whole number" if option.kind is int else "a number"
            raise ConfigError(f"{name} must be {kind}, not {text!r}.", f"For example: {name}={option.default}") from error
    return text
