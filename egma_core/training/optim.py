"""The optimiser and its learning rate: AdamW, warm-up, then cosine to zero."""

from __future__ import annotations

import math

import torch
from torch import nn

from egma_core.training.config import OptimConfig

UNDECAYED = ("position", "cls_token")
"""Parts of the names of weights that say where a token is, not what: pulling them to zero would blur places."""


def build_optimiser(model: nn.Module, config: OptimConfig) -> torch.optim.AdamW:
    """AdamW over all trainable weights; only matrices and kernels decay: not norms, biases and the temperature (fewer than two axes).

    Embeddings of words decay as matrices do; those of positions don't.
    """
    weights = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    decays = [weight for name, weight in weights if weight.ndim >= 2 and not any(part in name for part in UNDECAYED)]
    decaying = {id(weight) for weight in decays}
    groups = [
        {"params": decays, "weight_decay": config.weight_decay},
        {"params": [weight for _, weight in weights if id(weight) not in decaying], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate)


def learning_rate_at(step: int, steps: int, config: OptimConfig) -> float:
    """The learning rate of one step: a straight line up to the peak over the warm-up, then half a cosine towards zero.

    Args:
        step: The step, counted from 0.
        steps: Steps of the whole run.
        config: Peak and share of warm-up.
    """
    warmup = round(config.warmup * steps)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))
