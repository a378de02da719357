"""The cross-modality mapping: weights between one film's sentences and patches, and how well each side rebuilds the other."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from egma_core.model.padding import PaddedBatch

FLOOR = 0.01
"""Added to every weight before a row is scaled to sum to one, so that no row is empty (the paper's release)."""

CONSTANT = 1e-6
"""A row of cosines whose range is at most this is constant: its differences are rounding, not similarity."""

SHORTEST = 1e-6
"""A rebuilt vector shorter than this keeps its length: it has no direction to speak of."""


def mapping_losses(
    patches: Tensor, batch: PaddedBatch, gaze: Tensor, has_gaze: Tensor, scale: Tensor, gaze_weight: float, threshold: float
) -> tuple[Tensor, Tensor]:
    """The text side's and the image side's (B,) losses with the weights of `mapping_weights`; see there and `cross_modality_losses`."""
    cosine = batch.sentences @ patches.transpose(1, 2)
    text, image = mapping_weights(cosine, batch.real, gaze, has_gaze, gaze_weight, threshold)
    return cross_modality_losses(patches, batch, cosine, text, image, scale)


def mapping_weights(
    cosine: Tensor, real: Tensor, gaze: Tensor, has_gaze: Tensor, gaze_weight: float, threshold: float
) -> tuple[Tensor, Tensor]:
    """Sparse similarity, mixed with sparse gaze where a sentence has it; each row sums to one.

    Args:
        cosine: (B, M, N) cosine of each sentence and patch of a film.
        real: (B, M) bool: where there is a sentence.
        gaze: (B, M, N) gaze density a patch.
        has_gaze: (B, M) bool: sentences with gaze.
        gaze_weight: Share of gaze in such a sentence's weights.
        threshold: Values below it, after scaling each row to 0..1 (gaze: by its maximum), become zero.

    Returns:
        (B, M, N) weights of patches for each sentence and (B, N, M) weights of sentences for each patch.
    """
    peak = gaze.amax(dim=2, keepdim=True)
    looked = sparse(gaze / torch.where(peak > 0, peak, torch.ones_like(peak)), threshold)
    share = gaze_weight * has_gaze[:, :, None].to(cosine)
    text = (1 - share) * sparse(text_similarity(cosine), threshold) + share * looked
    image = (1 - share) * sparse(image_similarity(cosine, real), threshold) + share * looked
    return text_rows(text), image_rows(image, real)


def text_similarity(cosine: Tensor) -> Tensor:
    """(B, M, N) similarities with each sentence's row scaled to 0..1 over the patches; a constant row becomes ones."""
    return _scaled(cosine, cosine.amin(dim=2, keepdim=True), cosine.amax(dim=2, keepdim=True))


def image_similarity(cosine: Tensor, real: Tensor) -> Tensor:
    """(B, M, N) similarities with each patch's column scaled to 0..1 over the film's sentences; a constant column becomes ones."""
    absent = ~real[:, :, None]
    lowest = cosine.masked_fill(absent, torch.inf).amin(dim=1, keepdim=True)
    highest = cosine.masked_fill(absent, -torch.inf).amax(dim=1, keepdim=True)
    return _scaled(cosine, lowest, highest)


def sparse(values: Tensor, threshold: float) -> Tensor:
    """The values, zero where below the threshold."""
    return torch.where(values < threshold, torch.zeros_like(values), values)


def text_rows(weights: Tensor) -> Tensor:
    """(B, M, N) weights with the floor added and each sentence's row summing to one."""
    weights = weights + FLOOR
    return weights / weights.sum(dim=2, keepdim=True)


def image_rows(weights: Tensor, real: Tensor) -> Tensor:
    """(B, M, N) weights as (B, N, M), with the floor added and each patch's row summing to one over the film's sentences."""
    weights = (weights + FLOOR).masked_fill(~real[:, :, None], 0.0).transpose(1, 2)
    return weights / weights.sum(dim=2, keepdim=True)


def cross_modality_losses(
    patches: Tensor, batch: PaddedBatch, cosine: Tensor, text: Tensor, image: Tensor, scale: Tensor, *, legacy: bool = False
) -> tuple[Tensor, Tensor]:
    """How well each film's sentences are rebuilt from its patches, and its patches from its sentences.

    A rebuilt patch is a mix of sentences, so its cosine with every patch follows from the sentences' cosines and its
    length from theirs among themselves; it is never formed in all its d dimensions.

    Args:
        patches: (B, N, d) unit-length patch embeddings.
        batch: The films' sentences.
        cosine: (B, M, N) cosine of each sentence and patch of a film.
        text: (B, M, N) weights of patches for each sentence.
        image: (B, N, M) weights of sentences for each patch.
        scale: t.
        legacy: Leave rebuilt vectors at the length they have, and measure a single sentence by squared distance, as
            the paper's release does.

    Returns:
        Two (B,) losses: of the text side and of the image side (zero for a film with one sentence).
    """
    rebuilt = text @ patches
    patch_logits = image @ cosine
    if not legacy:
        rebuilt = functional.normalize(rebuilt, dim=-1, eps=SHORTEST)
        squared = ((image @ (batch.sentences @ batch.sentences.transpose(1, 2))) * image).sum(dim=2, keepdim=True)
        patch_logits = patch_logits * squared.clamp(min=SHORTEST**2).rsqrt()
    several = batch.counts > 1
    by_text = _pair_contrast(scale * rebuilt @ batch.sentences.transpose(1, 2), batch.real)
    by_image = _pair_contrast(scale * patch_logits, batch.real.new_ones(patches.shape[:2]))
    first, only = rebuilt[:, 0], batch.sentences[:, 0]
    single = (first - only).square().sum(dim=1) if legacy else 1 - (first * only).sum(dim=1)
    return torch.where(several, by_text, single), torch.where(several, by_image, torch.zeros_like(by_image))


def _pair_contrast(logits: Tensor, real: Tensor) -> Tensor:
    """(B,) symmetric cross-entropy of (B, K, K) logits with targets on the diagonal, over each film's real (B, K) entries."""
    diagonal = torch.eye(logits.shape[1], dtype=torch.bool, device=logits.device)
    kept = (real[:, :, None] & real[:, None, :]) | diagonal
    logits = logits.masked_fill(~kept, -torch.inf)
    own = logits.diagonal(dim1=1, dim2=2)
    each = (torch.logsumexp(logits, dim=2) + torch.logsumexp(logits, dim=1)) / 2 - own
    return each.sum(dim=1) / real.sum(dim=1)


def _scaled(values: Tensor, lowest: Tensor, highest: Tensor) -> Tensor:
    extent = highest - lowest
    constant = extent <= CONSTANT
    scaled = (values - lowest) / torch.where(constant, torch.ones_like(extent), extent)
    return torch.where(constant, torch.ones_like(scaled), scaled)
