"""A training run's configuration, declared once for the command line, TOML files and the form."""

from __future__ import annotations

from dataclasses import dataclass

from egma_core.model.config import LossConfig, ModelConfig
from egma_core.options import group, option


@dataclass(frozen=True)
class DataConfig:
    """Which examples, and how they are varied."""

    gaze_share: float = option(1.0, "Share of the training patients whose gaze is used; nested and seeded", low=0.0, high=1.0)
    shift: float = option(0.07, "Largest joint shift of film and gaze, as a share of the picture's side", low=0.0, high=0.5)
    brightness: float = option(0.2, "Largest change of brightness and contrast", low=0.0, high=1.0)
    max_sentences: int = option(8, "At most this many sentences of one reading in a batch", low=1, high=64)


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
