"""What a run needs to go on as if nothing had happened: the optimiser's memory, the random state, and how far it got.

It lies in the checkpoint's folder beside the model, under the same seal: `optimiser.safetensors` and `training.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from egma_core.errors import CheckpointError
from egma_core.model.checkpoint import load_model, save_model
from egma_core.model.egma import Egma
from egma_core.training.config import OptimConfig
from egma_core.training.optim import build_optimiser

OPTIMISER, TRAINING = "optimiser.safetensors", "training.json"
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


def save_state(folder: Path, model: Egma, optimiser: torch.optim.AdamW, progress: Progress, provenance: Mapping[str, Any]) -> None:
    """Write a checkpoint that training can go on from, whole or not at all.

    Raises:
        CheckpointError: The disk refuses.
    """
    moments = {
        f"{name}:{moment}": optimiser.state[weight][moment].cpu().contiguous()
        for name, weight in model.named_parameters()
        for moment in MOMENTS
        if weight in optimiser.state
    }

    def write(unfinished: Path) -> None:
        save_file({**moments, **_random_state(model.device)}, unfinished / OPTIMISER)
        (unfinished / TRAINING).write_text(json.dumps(asdict(progress), indent=1) + "\n", encoding="utf-8", newline="\n")

    save_model(folder, model, {**provenance, "step": progress.step}, more=write)


def load_state(folder: Path, config: OptimConfig, device: torch.device) -> tuple[Egma, torch.optim.AdamW, Progress]:
    """Read a checkpoint to go on from, and set torch's random state to what it was.

    Raises:
        CheckpointError: The checkpoint is damaged, or holds a model without a training state.
    """
    model = load_model(folder, device).train()
    optimiser = build_optimiser(model, config)
    try:
        progress = Progress(**json.loads((folder / TRAINING).read_text(encoding="utf-8")))
        state = load_file(folder / OPTIMISER)
        for name, weight in model.named_parameters():
            if f"{name}:{MOMENTS[0]}" in state:
                optimiser.state[weight] = {m: state[f"{name}:{m}"].to("cpu" if m == "step" else device) for m in MOMENTS}
        torch.set_rng_state(state["random:cpu"])
        if device.type == "cuda" and "random:cuda" in state:
            torch.cuda.set_rng_state(state["random:cuda"], device)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(
            f"The checkpoint {folder.name} holds no state that training could go on from.", "Start a new run in another folder."
        ) from error
    return model, optimiser, progress


def _random_state(device: torch.device) -> dict[str, Tensor]:
    state = {"random:cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["random:cuda"] = torch.cuda.get_rng_state(device)
    return state
