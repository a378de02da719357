"""`Batch`, what the losses take: films, their sentences laid end to end, and the gaze of each sentence on every grid of the model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from egma_core.errors import TrainingError
from egma_core.model.tokens import TokenBatch


@dataclass(frozen=True)
class PictureShape:
    """What the model sees.

    Attributes:
        size_px: Side of the network picture.
        rows: Cells of the coarsest patch grid down.
        columns: Cells of the coarsest patch grid across.
        finer: (rows, columns) of the finer patch grids, in the model's order; empty where it aligns one grid alone.
    """

    size_px: int
    rows: int
    columns: int
    finer: tuple[tuple[int, int], ...] = ()

    @property
    def grids(self) -> tuple[tuple[int, int], ...]:
        """(rows, columns) of every patch grid, the coarsest first."""
        return ((self.rows, self.columns), *self.finer)


@dataclass(frozen=True)
class Batch:
    """B films with their S sentences, laid end to end film by film, and N patches a film.

    Attributes:
        pixels: (B, 1, size, size) float32 normalised tones.
        tokens: The S sentences as token ids.
        counts: (B,) int64 sentences of each film.
        gaze: (S, N) float32 in [0, 1]; zero where there is none.
        has_gaze: (S,) bool.
        ids: The examples' ids.
        finer_gaze: (S, N_l) float32 in [0, 1] for each finer patch grid, in the order of `PictureShape.finer`.
    """

    pixels: Tensor
    tokens: TokenBatch
    counts: Tensor
    gaze: Tensor
    has_gaze: Tensor
    ids: tuple[str, ...]
    finer_gaze: tuple[Tensor, ...] = ()

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(
            self.pixels.to(device),
            self.tokens.to(device),
            self.counts.to(device),
            self.gaze.to(device),
            self.has_gaze.to(device),
            self.ids,
            tuple(gaze.to(device) for gaze in self.finer_gaze),
        )

    def part(self, start: int, stop: int) -> Batch:
        """Films `start` up to `stop`, not included, with their sentences; tensors are views, tokens keep their padding.

        Raises:
            TrainingError: There is no such film.
        """
        if not 0 <= start < stop <= len(self.ids):
            raise TrainingError(f"A batch of {len(self.ids)} films has no part from film {start} to film {stop}.")
        ends = torch.cumsum(self.counts, dim=0).tolist()
        films, sentences = slice(start, stop), slice(ends[start - 1] if start else 0, ends[stop - 1])
        return Batch(
            self.pixels[films],
            TokenBatch(self.tokens.ids[sentences], self.tokens.mask[sentences]),
            self.counts[films],
            self.gaze[sentences],
            self.has_gaze[sentences],
            self.ids[films],
            tuple(gaze[sentences] for gaze in self.finer_gaze),
        )
