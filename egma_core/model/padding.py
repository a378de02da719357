"""A batch of films and sentences laid out for the losses: checked, at full precision, sentences padded film by film.

Sentences arrive laid end to end, because reports differ in length; every loss term needs them a film a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from egma_core.errors import ConfigError

Counts = Tensor | Sequence[int]


@dataclass(frozen=True)
class PaddedBatch:
    """Sentences a film a row; M is the longest report's count.

    Attributes:
        sentences: (B, M, d) embeddings; zero where there is no sentence.
        real: (B, M) bool; True where there is a sentence.
        counts: (B,) sentences of each film, in the embeddings' dtype.
        slots: (S,) row of each sentence among the B * M places.
    """

    sentences: Tensor
    real: Tensor
    counts: Tensor
    slots: Tensor

    @classmethod
    def of(cls, sentences: Tensor, counts: Counts, films: int) -> PaddedBatch:
        """Lay out (S, d) sentences for `films` films with `counts` (B,) sentences each.

        Raises:
            ConfigError: The shapes do not fit together, or a film has no sentence.
        """
        per_film = _checked_counts(counts, films, sentences)
        longest = int(per_film.max())
        real = torch.arange(longest)[None, :] < per_film[:, None]
        slots = real.flatten().nonzero().squeeze(1).to(sentences.device)
        places = sentences.new_zeros(films * longest, sentences.shape[1])
        padded = places.index_copy(0, slots, sentences).view(films, longest, -1)
        return cls(padded, real.to(sentences.device), per_film.to(sentences), slots)

    def part(self, films: slice) -> PaddedBatch:
        """Some of the films, still padded to the longest report of all."""
        real = self.real[films]
        return PaddedBatch(self.sentences[films], real, self.counts[films], real.flatten().nonzero().squeeze(1))

    def pad(self, rows: Tensor, fill: float = 0.0) -> Tensor:
        """(S, ...) values a sentence as (B, M, ...), with `fill` where there is no sentence."""
        films, longest = self.real.shape
        places = rows.new_full((films * longest, *rows.shape[1:]), fill)
        return places.index_copy(0, self.slots, rows).view(films, longest, *rows.shape[1:])


def check_form(name: str, known: tuple[str, ...]) -> None:
    """Refuse a form of a loss term that there is not.

    Raises:
        ConfigError: The name is none of those known.
    """
    if name not in known:
        raise ConfigError(f"This loss has no form {name!r}.", f"Choose one of: {', '.join(known)}.")


def raised(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors in one floating dtype: float64 if any of them is, else float32."""
    exact = torch.float64 if any(t.dtype == torch.float64 for t in tensors) else torch.float32
    return tuple(t.to(exact) for t in tensors)


def without_autocast(tensor: Tensor) -> AbstractContextManager[object]:
    """A context in which the tensor's device computes in the dtypes it is given."""
    return torch.autocast(tensor.device.type, enabled=False)


def as_scale(scale: Tensor | float, like: Tensor) -> Tensor:
    """The temperature's inverse as a 0-d tensor of `like`'s dtype and device; gradients pass.

    Raises:
        ConfigError: It is not a single number.
    """
    value = torch.as_tensor(scale, dtype=like.dtype, device=like.device)
    if value.numel() != 1:
        raise ConfigError(f"The scale must be one number, not {tuple(value.shape)} of them.", "Pass exp(theta).")
    return value.reshape(())


def checked_embeddings(patches: Tensor, sentences: Tensor) -> tuple[Tensor, Tensor]:
    """(B, N, d) patches and (S, d) sentences in one full-precision dtype.

    Raises:
        ConfigError: Their shapes do not fit together.
    """
    if patches.ndim != 3 or sentences.ndim != 2 or patches.shape[2] != sentences.shape[1]:
        raise ConfigError(
            f"Patches of shape {tuple(patches.shape)} and sentences of shape {tuple(sentences.shape)} do not fit together.",
            "Pass patches (films, patches, d) and sentences (sentences, d).",
        )
    if patches.shape[0] == 0 or patches.shape[1] == 0:
        raise ConfigError("A batch without films or patches has no loss.", "Leave empty batches out.")
    patches, sentences = raised(patches, sentences)
    return patches, sentences


def checked_gaze(gaze: Tensor, has_gaze: Tensor, sentences: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """(S, N) gaze in the sentences' dtype, zero where `has_gaze` (S,) says there is none.

    Raises:
        ConfigError: Its shape is not one row a sentence and one column a patch, or a value that counts is negative or not finite.
    """
    if tuple(gaze.shape) != (sentences.shape[0], cells):
        raise ConfigError(
            f"Gaze of shape {tuple(gaze.shape)} does not fit {sentences.shape[0]} sentences and {cells} patches.",
            "Pool the gaze to the grid that the image encoder gives.",
        )
    if tuple(has_gaze.shape) != (sentences.shape[0],) or has_gaze.dtype != torch.bool:
        raise ConfigError(
            f"has_gaze of shape {tuple(has_gaze.shape)} and type {has_gaze.dtype} does not fit {sentences.shape[0]} sentences.",
            "Pass one bool a sentence.",
        )
    has_gaze = has_gaze.to(sentences.device)
    gaze = gaze.to(sentences)
    gaze = torch.where(has_gaze[:, None], gaze, torch.zeros_like(gaze))
    if not bool((torch.isfinite(gaze) & (gaze >= 0)).all()):
        raise ConfigError("A sentence's gaze is negative or not a number.", "Gaze is a share of the sentence's maximum, in 0..1.")
    return gaze, has_gaze


def _checked_counts(counts: Counts, films: int, sentences: Tensor) -> Tensor:
    per_film = torch.as_tensor(counts).to("cpu")
    if tuple(per_film.shape) != (films,) or per_film.is_floating_point() or per_film.dtype == torch.bool:
        raise ConfigError(
            f"The counts have shape {tuple(per_film.shape)} and type {per_film.dtype}.",
            f"Pass one whole number for each of the {films} films.",
        )
    per_film = per_film.long()
    if int(per_film.min()) < 1:
        raise ConfigError(f"Film {int(per_film.argmin())} of the batch has no sentence.", "Leave films without sentences out.")
    if int(per_film.sum()) != sentences.shape[0]:
        raise ConfigError(
            f"The counts add up to {int(per_film.sum())}, but there are {sentences.shape[0]} sentences.", "Count each film's sentences."
        )
    return per_film
