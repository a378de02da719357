"""What the encoders compute in: float32, or half precision around float32 weights, with fp16's gradients kept in range by a scaler."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import cast

import torch
from torch import Tensor

from egma_core.errors import TrainingError

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}

SMALLEST_SCALE = 1.0
"""When even gradients that are not scaled up overflow fp16, no later step will fit either."""


class Precision:
    """One of `fp32`, `bf16`, `fp16`.

    Attributes:
        scaler: Scales the loss of fp16 up, and skips a step whose gradients overflow; does nothing for the others.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        """Choose a precision on a device.

        Raises:
            TrainingError: The GPU does not compute in bf16.
        """
        if name == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
            raise TrainingError("This GPU does not compute in bf16.", "Set optim.precision to fp16 or fp32.")
        self._half = HALF.get(name)
        self._device = device
        self.scaler = torch.amp.GradScaler(device.type, enabled=name == "fp16")

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which the encoders run; the losses stay outside."""
        return torch.autocast(self._device.type, dtype=self._half, enabled=self._half is not None)

    def scaled(self, loss: Tensor) -> Tensor:
        """The loss to take gradients of."""
        return self.scaler.scale(loss)

    def step(self, optimiser: torch.optim.Optimizer) -> None:
        """Let the optimiser move the weights, unless fp16 overflowed; the next step is then scaled less.

        Raises:
            TrainingError: Gradients overflow whatever the scale.
        """
        if not self.scaler.is_enabled():
            optimiser.step()
            return
        if any(weight.grad is not None for group in optimiser.param_groups for weight in group["params"]):
            self.scaler.step(optimiser)
            self.scaler.update()
        if self.scaler.get_scale() < SMALLEST_SCALE:
            raise TrainingError("The gradients do not fit into fp16.", "Set optim.precision to bf16 or fp32.")

    def state(self) -> Tensor | None:
        """(2,) float64 scale and steps since it last changed, for a checkpoint; None where nothing is scaled."""
        if not self.scaler.is_enabled():
            return None
        return torch.tensor([self.scaler.get_scale(), float(self.scaler.state_dict()["_growth_tracker"])], dtype=torch.float64)

    def restore(self, state: Tensor | None) -> None:
        """Go on from a checkpoint's `state`."""
        if self.scaler.is_enabled() and state is not None:
            scale, tracker = cast(list[float], state.tolist())
            self.scaler.load_state_dict({**self.scaler.state_dict(), "scale": scale, "_growth_tracker": int(tracker)})
