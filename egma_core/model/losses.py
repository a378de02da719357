"""The EGMA loss terms (arXiv 2403.12416): fine-grained contrast, gaze loss, cross-modality mapping, and a global contrast.

Every term takes one batch of B films and its S sentences, laid end to end film by film. Terms are computed for
the whole batch at once, on sentences padded to the longest report, with padding masked out of every maximum, mean and sum;
a batch too large for that goes through the films in parts, with the same value and gradient.

`scale` is t = exp(theta), the inverse temperature itself and not its logarithm. Half precision is raised to float32;
float64 stays float64. `variant` names the correct form or one of the forms of the paper's released code, which keep
their own published constants.
"""

from __future__ import annotations

from torch import Tensor

from egma_core.model.chunks import AT_ONCE, by_films
from egma_core.model.config import MAPPING_FORMS
from egma_core.model.fine_grained import fine_grained_loss, global_loss
from egma_core.model.gaze import gaze_loss
from egma_core.model.legacy_mapping import released_mapping
from egma_core.model.mapping import mapping_losses
from egma_core.model.padding import Counts, PaddedBatch, as_scale, check_form, checked_embeddings, checked_gaze, without_autocast

__all__ = ["fine_grained_loss", "gaze_loss", "global_loss", "mapping_loss"]


def mapping_loss(
    patches: Tensor,
    sentences: Tensor,
    counts: Counts,
    gaze: Tensor,
    has_gaze: Tensor,
    scale: Tensor | float,
    *,
    gaze_weight: float = 0.5,
    threshold: float = 2 / 7,
    text_weight: float = 0.5,
    variant: str = "correct",
    at_once: int = AT_ONCE,
) -> Tensor:
    """Rebuild each sentence from its film's patches and each patch from its report's sentences, then match (paper Eq. 7 to 9; after SPARC).

    The weights of the rebuilding are sparse similarities, mixed with gaze where a sentence has it (`mapping.mapping_weights`).
    A film's loss is text_weight * (contrast of rebuilt and real sentences) + (1 - text_weight) * (contrast of rebuilt
    and real patches). With a single sentence the first is 1 - cosine and the second zero.

    Args:
        patches: (B, N, d) unit-length patch embeddings.
        sentences: (S, d) unit-length sentence embeddings, film by film.
        counts: (B,) whole numbers: sentences of each film, at least one.
        gaze: (S, N) gaze density a patch, in 0..1; rows without gaze may hold anything.
        has_gaze: (S,) bool: whether the sentence has gaze; sentences without are mapped by similarity alone.
        scale: t = exp(theta), a float or a 0-d tensor.
        gaze_weight: Share of gaze in the weights of a sentence that has it (lambda).
        threshold: Weights below this, after scaling to 0..1, are dropped (tau).
        text_weight: Share of the text side (beta).
        variant: `correct`, or a form of the release: `plain_v2` (also called `legacy`: what it runs, without gaze) and
            `gaze_v2` (what it holds but never calls) give its numbers; `plain_v1`, `gaze_v1`, `gaze_v3`, `gaze_v4` and
            `gaze_v5` follow its other forms. Each keeps its own threshold, text weight and use of gaze, whatever is
            passed; see `legacy_mapping`.
        at_once: Numbers, of B * N * N, that may be held at once; see `chunks.by_films`.

    Returns:
        A scalar: the mean over films.

    Raises:
        ConfigError: Shapes do not fit together, a film has no sentence, gaze is negative or not finite, or the variant is unknown.
    """
    check_form(variant, MAPPING_FORMS)
    with without_autocast(patches):
        patches, sentences = checked_embeddings(patches, sentences)
        batch = PaddedBatch.of(sentences, counts, patches.shape[0])
        gaze, has_gaze = checked_gaze(gaze, has_gaze, sentences, patches.shape[1])
        t = as_scale(scale, patches)
        looked, seen = batch.pad(gaze), batch.pad(has_gaze)

        def per_film(films: slice) -> Tensor:
            part = patches[films], batch.part(films), looked[films], seen[films], t
            if variant != "correct":
                return released_mapping(*part, "plain_v2" if variant == "legacy" else variant)
            by_text, by_image = mapping_losses(*part, gaze_weight, threshold)
            return text_weight * by_text + (1 - text_weight) * by_image

        cells = patches.shape[1]
        numbers = max(cells * cells, batch.real.shape[1] * patches.shape[2])
        return by_films(per_film, len(patches), numbers, at_once).mean()
