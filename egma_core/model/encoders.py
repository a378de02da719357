"""What an image encoder and a sentence encoder give, whichever kind they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from egma_core.model.tokens import TokenBatch


@dataclass(frozen=True)
class PatchFeatures:
    """What an image encoder sees in B pictures.

    Attributes:
        patches: (B, N, width) features of each cell, row by row.
        pooled: (B, width) mean of the cells' features after the last LayerNorm.
        rows: Cells down.
        columns: Cells across; N = rows * columns.
        finer: Features on finer grids, the coarsest of them first, each (B, rows, columns, its own width).
    """

    patches: Tensor
    pooled: Tensor
    rows: int
    columns: int
    finer: tuple[Tensor, ...] = ()


class VisionEncoder(Protocol):
    """An image encoder with a patch grid."""

    width: int
    backbone: dict[str, Any] | None

    def __call__(self, pixels: Tensor) -> PatchFeatures:
        """Encode (B, 1, S, S) normalised pictures."""
        ...


class TextEncoder(Protocol):
    """A sentence encoder."""

    width: int
    backbone: dict[str, Any] | None

    def __call__(self, tokens: TokenBatch) -> Tensor:
        """Encode S sentences to (S, width)."""
        ...


def mean_of_tokens(features: Tensor, mask: Tensor | None) -> Tensor:
    """(S, L, width) token features to their (S, width) mean over tokens that `mask` (S, L) marks, or over all."""
    if mask is None:
        return features.mean(dim=1)
    weights = mask[:, :, None].to(features)
    return (features * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1.0)
