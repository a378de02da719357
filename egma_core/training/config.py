"""A training run's configuration, declared once for the command line, TOML files and the form."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from egma_core.assets import resource, resources
from egma_core.errors import ConfigError
from egma_core.examples.config import DataConfig
from egma_core.model.config import LossConfig, ModelConfig
from egma_core.options import from_mapping, group, option, to_mapping

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class OptimConfig:
    """How the weights are moved."""

    steps: int = option(0, "Optimiser steps; 0 means: by epochs", low=0, high=10_000_000)
    epochs: int = option(10, "Passes over the training examples", low=1, high=100_000)
    batch_size: int = option(32, "Films in a batch", low=2, high=65536)
    learning_rate: float = option(1.5e-3, "Peak learning rate (the paper uses 1e-6 from pretrained weights)", low=0.0, high=1.0)
    weight_decay: float = option(0.05, "Weight decay; never on norms, biases and the temperature", low=0.0, high=1.0)
    warmup: float = option(0.1, "Share of the steps that warm up; cosine to zero after them", low=0.0, high=0.9)
    clip_norm: float = option(1.0, "Largest gradient norm", low=0.0, high=1000.0)


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides a run, besides its manifest."""

    model: ModelConfig = group(ModelConfig, "The model")
    loss: LossConfig = group(LossConfig, "The loss terms")
    data: DataConfig = group(DataConfig, "The examples")
    optim: OptimConfig = group(OptimConfig, "The optimiser")
    seed: int = option(0, "Seed of everything random", low=0, high=2**31 - 1)
    device: str = option("auto", "auto takes CUDA when there is one", choices=("auto", "cpu", "cuda"))
    threads: int = option(0, "CPU threads; 0 means all cores", low=0, high=1024)
    evaluate_every: int = option(0, "Steps between evaluations on the validation split; 0 means once an epoch", low=0, high=10_000_000)
    checkpoint_every: int = option(0, "Steps between checkpoints; 0 means at each evaluation", low=0, high=10_000_000)
    keep: int = option(2, "Checkpoints to keep besides the best", low=1, high=1000)


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


def save_config(path: Path, config: TrainingConfig) -> None:
    """Write every setting of a configuration as TOML, so that the file says all that decides the run; an existing file is replaced."""
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_text(tomli_w.dumps(to_mapping(config)), encoding="utf-8", newline="\n")
    unfinished.replace(path)


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
