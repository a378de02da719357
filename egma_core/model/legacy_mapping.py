"""The cross-modality mapping as the paper's released code has it, in all its forms, so that its numbers can be reproduced.

What is put right even here: a row of constant similarity becomes ones (the release divides zero by zero), and nobody's gaze map is edited.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from egma_core.model.mapping import cross_modality_losses, image_rows, image_similarity, sparse, text_rows, text_similarity
from egma_core.model.padding import PaddedBatch


@dataclass(frozen=True)
class ReleasedMapping:
    """One form of the release.

    Attributes:
        threshold: Values below it become zero.
        text_weight: Share of the text side in a film's loss.
        gaze: Where gaze enters: `none`; `rows`, after rows were scaled to sum to one; `weights`, before that;
            `similarity`, as a factor of the cosines.
        thresholded: What the threshold is applied to: `similarity`, `both` similarity and gaze, or the `mixture` of them.
        text_shares: Shares of similarity and gaze in the sentences' weights.
        image_shares: The same in the patches' weights; (1, 0.5) is the release's misplaced parenthesis.
    """

    threshold: float
    text_weight: float
    gaze: Literal["none", "rows", "weights", "similarity"] = "none"
    thresholded: Literal["similarity", "both", "mixture"] = "similarity"
    text_shares: tuple[float, float] = (0.5, 0.5)
    image_shares: tuple[float, float] = (0.5, 0.5)


RELEASED: dict[str, ReleasedMapping] = {
    "plain_v1": ReleasedMapping(1 / 7, 0.5),
    "plain_v2": ReleasedMapping(2 / 7, 0.3),
    "gaze_v1": ReleasedMapping(1 / 7, 0.8, "rows"),
    "gaze_v2": ReleasedMapping(3 / 7, 0.3, "weights", "mixture", image_shares=(1.0, 0.5)),
    "gaze_v3": ReleasedMapping(2 / 7, 0.8, "weights", image_shares=(1.0, 0.5)),
    "gaze_v4": ReleasedMapping(2 / 7, 0.8, "similarity"),
    "gaze_v5": ReleasedMapping(2 / 7, 0.8, "weights", "both", text_shares=(0.8, 0.2), image_shares=(0.8, 0.2)),
}


def released_mapping(patches: Tensor, batch: PaddedBatch, gaze: Tensor, has_gaze: Tensor, scale: Tensor, name: str) -> Tensor:
    """Each film's mapping loss in the release's form `name`; without any gaze the gaze forms fall back to `plain_v1`.

    Args:
        patches: (B, N, d) unit-length patch embeddings.
        batch: The films' sentences.
        gaze: (B, M, N) gaze density a patch, used as it is; a sentence without gaze has a row of zeros.
        has_gaze: (B, M) bool: sentences with gaze.
        scale: t.
        name: A key of `RELEASED`.

    Returns:
        (B,) losses.
    """
    form = RELEASED[name]
    per_film = _per_film(patches, batch, gaze, scale, form)
    if form.gaze != "none":
        per_film = torch.where(has_gaze.any(dim=1), per_film, _per_film(patches, batch, gaze, scale, RELEASED["plain_v1"]))
    return per_film


def _per_film(patches: Tensor, batch: PaddedBatch, gaze: Tensor, scale: Tensor, form: ReleasedMapping) -> Tensor:
    cosine = batch.sentences @ patches.transpose(1, 2)
    similarity = cosine * gaze if form.gaze == "similarity" else cosine
    text = _mixed(text_similarity(similarity), gaze, form, form.text_shares)
    image = _mixed(image_similarity(similarity, batch.real), gaze, form, form.image_shares)
    text, image = text_rows(text), image_rows(image, batch.real)
    if form.gaze == "rows":
        text, image = _shared(text, gaze, form.text_shares), _shared(image, gaze.transpose(1, 2), form.image_shares)
    by_text, by_image = cross_modality_losses(patches, batch, cosine, text, image, scale, legacy=True)
    return form.text_weight * by_text + (1 - form.text_weight) * by_image


def _mixed(similarity: Tensor, gaze: Tensor, form: ReleasedMapping, shares: tuple[float, float]) -> Tensor:
    if form.gaze != "weights":
        return sparse(similarity, form.threshold)
    if form.thresholded == "mixture":
        return sparse(_shared(similarity, gaze, shares), form.threshold)
    return _shared(sparse(similarity, form.threshold), sparse(gaze, form.threshold) if form.thresholded == "both" else gaze, shares)


def _shared(similarity: Tensor, gaze: Tensor, shares: tuple[float, float]) -> Tensor:
    return shares[0] * similarity + shares[1] * gaze
