"""torch's random state on one device: taken before a pass and put back, so that a pass or a run can be repeated exactly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class RandomState:
    """The state of a process's generators.

    Attributes:
        cpu: uint8 state of the CPU's generator.
        cuda: uint8 state of the GPU's, or None on a CPU.
    """

    cpu: Tensor
    cuda: Tensor | None = None

    @classmethod
    def take(cls, device: torch.device) -> RandomState:
        """The state now."""
        return cls(torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None)

    def put_back(self, device: torch.device) -> None:
        """Make it the state again."""
        torch.set_rng_state(self.cpu)
        if device.type == "cuda" and self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda, device)


def seed_all(seed: int, rank: int = 0, step: int = 0) -> None:
    """Seed torch for one process of a run; processes, and steps that a run goes on at without a saved state, draw differently."""
    torch.manual_seed((seed + 1_000_003 * rank + 7_919_000_017 * step) % 2**63)
