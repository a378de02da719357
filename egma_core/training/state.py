"""What a run needs to go on as if nothing had happened: the optimiser's memory, the random state, and how far it got.

It lies in the checkpoint's folder beside the model, under the same seal: `optimiser.safetensors` and `training.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from egma_core.errors import CheckpointError
from egma_core.model.checkpoint import MODEL_FILES, load_model, save_model, save_tensors
from egma_core.model.egma import Egma
from egma_core.training.config import TrainingConfig
from egma_core.training.optim import build_optimiser
from egma_core.training.precision import Precision
from egma_core.training.randomness import RandomState, seed_all
from egma_core.training.runtime import Runtime

OPTIMISER, TRAINING = "optimiser.safetensors", "training.json"
STATE_FILES = (*MODEL_FILES, OPTIMISER, TRAINING)
"""What a checkpoint that training can go on from holds."""

MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Progress:
    """How far a run got.

    Attributes:
        step: Optimiser steps done.
        seconds: Time spent in them, evaluations included, over all sessions.
        best_step: Step of the best checkpoint, or None while there is none.
        best_value: Its figure on the validation split, or None.
        validation: Figures of the latest evaluation.
    """

    step: int = 0
    seconds: float = 0.0
    best_step: int | None = None
    best_value: float | None = None
    validation: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class Learner:
    """What a step moves.

    Attributes:
        model: The model.
        optimiser: Its optimiser.
        precision: What its encoders compute in.
    """

    model: Egma
    optimiser: torch.optim.AdamW
    precision: Precision


def save_state(folder: Path, learner: Learner, progress: Progress, random: Sequence[RandomState], provenance: Mapping[str, Any]) -> None:
    """Write a checkpoint that training can go on from, whole or not at all.

    Args:
        folder: The checkpoint's folder.
        learner: What was learned so far.
        progress: How far the run got.
        random: Every process's random state, in the order of ranks.
        provenance: Where the model comes from; see `save_model`.

    Raises:
        CheckpointError: The disk refuses.
    """
    optimiser, scaler = learner.optimiser, learner.precision.state()
    state = {
        f"{name}:{moment}": optimiser.state[weight][moment].cpu().contiguous()
        for name, weight in learner.model.named_parameters()
        for moment in MOMENTS
        if weight in optimiser.state
    }
    for rank, generators in enumerate(random):
        state[f"random:cpu:{rank}"] = generators.cpu
        if generators.cuda is not None:
            state[f"random:cuda:{rank}"] = generators.cuda
    if scaler is not None:
        state["scaler"] = scaler

    def write(unfinished: Path) -> None:
        save_tensors(unfinished / OPTIMISER, state)
        (unfinished / TRAINING).write_text(json.dumps(asdict(progress), indent=1) + "\n", encoding="utf-8", newline="\n")

    save_model(folder, learner.model, {**provenance, "step": progress.step}, more=write)


def load_state(folder: Path, config: TrainingConfig, precision: Precision, runtime: Runtime) -> tuple[Learner, Progress]:
    """Read a checkpoint to go on from, and set torch's random state to what it was in this process.

    A process that the checkpoint has no random state for, because there were fewer then, draws from a new one.

    Raises:
        CheckpointError: The checkpoint is damaged, or holds a model without a training state.
    """
    device, rank = runtime.device, runtime.place.rank
    model = load_model(folder, device).train()
    optimiser = build_optimiser(model, config.optim)
    try:
        progress = Progress(**json.loads((folder / TRAINING).read_text(encoding="utf-8")))
        state = load_file(folder / OPTIMISER)
        for name, weight in model.named_parameters():
            if f"{name}:{MOMENTS[0]}" in state:
                optimiser.state[weight] = {m: state[f"{name}:{m}"].to("cpu" if m == "step" else device) for m in MOMENTS}
        if rank == 0 or f"random:cpu:{rank}" in state:
            RandomState(state[f"random:cpu:{rank}"], state.get(f"random:cuda:{rank}")).put_back(device)
        else:
            seed_all(config.seed, rank, progress.step)
    except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
        raise CheckpointError(
            f"The checkpoint {folder.name} holds no state that training could go on from.", "Start a new run in another folder."
        ) from error
    precision.restore(state.get("scaler"))
    return Learner(model, optimiser, precision), progress
