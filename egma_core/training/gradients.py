"""The gradients of one step: exactly those of the whole batch, however many passes and processes share it.

A contrast needs all films and reports of a batch at once, the encoders don't. So the step has three parts (gradient cache,
Gao et al. 2021, arXiv 2101.06983): embed, part by part; take the loss of all embeddings, gathered from all processes, and
its gradient with respect to each; send each part's share back through the encoders. When there is one part, its graph is
kept from the first pass; else each part is embedded again, with the random state it had, so that dropout falls alike.

Every process takes the loss of the union batch, so that every process knows the whole gradient of its own embeddings; that
gradient times the number of processes, averaged over processes, is the sum that one process would have (and the
temperature's gradient, the same in each, stays what it is).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from egma_core.examples.batch import Batch
from egma_core.model.egma import Egma, ImageEmbedding
from egma_core.model.tokens import TokenBatch
from egma_core.training.config import TrainingConfig
from egma_core.training.objective import embed, loss_terms
from egma_core.training.precision import Precision
from egma_core.training.randomness import RandomState
from egma_core.training.runtime import Runtime


@dataclass(frozen=True)
class Embedded:
    """Films and sentences in the shared space.

    Attributes:
        films: The films.
        sentences: (S, d) the sentences.
    """

    films: ImageEmbedding
    sentences: Tensor

    @property
    def tensors(self) -> list[Tensor]:
        """Everything that has gradients; what has a row a film comes first, the sentences last."""
        return [self.films.patches, self.films.pooled, *self.films.finer, self.sentences]

    def of(self, tensors: list[Tensor]) -> Embedded:
        """The same with other `tensors`."""
        patches, pooled, *finer, sentences = tensors
        return Embedded(replace(self.films, patches=patches, pooled=pooled, finer=tuple(finer)), sentences)


def put_gradients(model: Egma, batch: Batch, config: TrainingConfig, runtime: Runtime, precision: Precision) -> dict[str, float]:
    """Add the gradients of one batch's loss to the weights'; with fp16 they are still scaled.

    Args:
        model: The model.
        batch: This process's part of the batch, on its device.
        config: Loss and size of a pass.
        runtime: The processes that share the batch.
        precision: What the encoders compute in.

    Returns:
        The loss terms of the whole batch, and `gaze_share`, the share of its sentences that have gaze.
    """
    parts = _parts(batch, config.optim.micro_batch)
    whole = len(parts) == 1
    random: list[RandomState] = []
    passes: list[Embedded] = []
    for part in parts:
        random.append(RandomState.take(runtime.device))
        with torch.set_grad_enabled(whole), precision.autocast():
            passes.append(Embedded(*embed(model, part)))

    own = [torch.cat(tensors).detach() for tensors in zip(*(embedded.tensors for embedded in passes), strict=True)]
    everyones = [runtime.gather(tensor) for tensor in own]
    leaves = [torch.cat(tensors).requires_grad_() for tensors in everyones]
    union = _union(batch, runtime, config.model.text.max_tokens)
    embeddings = passes[0].of(leaves)
    terms = loss_terms(model, union, embeddings.films, embeddings.sentences, config.loss)
    values = {name: float(term.detach()) for name, term in terms.items()}
    values["gaze_share"] = float(union.has_gaze.double().mean())
    precision.scaled(terms["loss"]).backward()

    gradients = [_own_rows(leaf, tensors, runtime) for leaf, tensors in zip(leaves, everyones, strict=True)]
    starts = [0] * len(gradients)
    for i, part in enumerate(parts):
        if not whole:
            random[i].put_back(runtime.device)
            with precision.autocast():
                passes[i] = Embedded(*embed(model, part))
        starts = _send_back(passes[i].tensors, gradients, starts)
    runtime.average([weight.grad for weight in model.parameters() if weight.grad is not None])
    return values


def _parts(batch: Batch, most: int) -> list[Batch]:
    """The batch cut into parts of nearly equal size, of `most` films at most (0: uncut)."""
    films = len(batch.ids)
    n = -(-films // most) if most else 1
    edges = [films * i // n for i in range(n + 1)]
    return [batch] if n == 1 else [batch.part(start, stop) for start, stop in itertools.pairwise(edges)]


def _union(batch: Batch, runtime: Runtime, tokens: int) -> Batch:
    """What the loss needs to know of every process's part, in the order of ranks; pictures stay where they are."""
    if runtime.place.world == 1:
        return batch

    def gathered(tensor: Tensor) -> Tensor:
        return torch.cat(runtime.gather(tensor))

    padding = (0, tokens - batch.tokens.ids.shape[1])
    return replace(
        batch,
        pixels=batch.pixels[:0],
        tokens=TokenBatch(gathered(functional.pad(batch.tokens.ids, padding)), gathered(functional.pad(batch.tokens.mask, padding))),
        counts=gathered(batch.counts),
        gaze=gathered(batch.gaze),
        has_gaze=gathered(batch.has_gaze),
        finer_gaze=tuple(gathered(gaze) for gaze in batch.finer_gaze),
        ids=(),
    )


def _own_rows(leaf: Tensor, everyones: list[Tensor], runtime: Runtime) -> Tensor | None:
    """The gradient of this process's rows, times the number of processes; None where no term uses them."""
    if leaf.grad is None:
        return None
    rank = runtime.place.rank
    start = sum(len(tensor) for tensor in everyones[:rank])
    return leaf.grad[start : start + len(everyones[rank])] * runtime.place.world


def _send_back(tensors: list[Tensor], gradients: list[Tensor | None], starts: list[int]) -> list[int]:
    """Send one part's rows of the gradients back through the encoders; return where the next part's rows start."""
    stops = [start + len(tensor) for start, tensor in zip(starts, tensors, strict=True)]
    pairs = [
        (tensor, gradient[start:stop])
        for tensor, gradient, start, stop in zip(tensors, gradients, starts, stops, strict=True)
        if gradient is not None
    ]
    torch.autograd.backward([tensor for tensor, _ in pairs], [gradient for _, gradient in pairs])
    return stops
