"""How fast the three loss terms are, against a plain vectorised version and one with a loop over films, all of one run.

Both rivals are kept here as yardsticks, written straight from the method's formulas: the plain one pads, masks and
multiplies without further thought; the loop goes film by film and adds up offsets, as the paper's released code does.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from egma_core.model.losses import fine_grained_loss, gaze_loss, mapping_loss

PATCHES, WIDTH, SENTENCES = 49, 512, (2, 8)
ALPHA, RHO, LAMBDA, TAU, FLOOR = 0.5, 0.1, 0.5, 2 / 7, 0.01


@dataclass(frozen=True)
class Case:
    """Random unit vectors in the shapes of one training step; see `egma_core.model.losses` for the fields."""

    patches: Tensor
    sentences: Tensor
    counts: Tensor
    gaze: Tensor
    has_gaze: Tensor
    log_scale: Tensor

    @classmethod
    def random(cls, films: int, patches: int = PATCHES, width: int = WIDTH) -> Case:
        """Films with 2 to 8 sentences each, four fifths of them with gaze."""
        generator = torch.Generator().manual_seed(0)
        counts = torch.randint(SENTENCES[0], SENTENCES[1] + 1, (films,), generator=generator)
        total = int(counts.sum())
        return cls(
            functional.normalize(torch.randn(films, patches, width, generator=generator), dim=-1).requires_grad_(),
            functional.normalize(torch.randn(total, width, generator=generator), dim=-1).requires_grad_(),
            counts,
            torch.rand(total, patches, generator=generator) ** 3,
            torch.rand(total, generator=generator) < 0.8,
            torch.tensor(2.6593, requires_grad=True),
        )


Loss = Callable[[Case], Tensor]


def bench_loss(films: int = 40, repeats: int = 20, large: tuple[int, ...] = (1024,), *, patches: int = PATCHES) -> dict[str, Any]:
    """Forward and backward of fine-grained contrast, gaze loss and mapping: milliseconds of ours and of the yardsticks, in turn.

    Args:
        films: Films of the batch that all three compute.
        repeats: Measured steps of each.
        large: Numbers of films of which ours alone computes one step, each in a process of its own.
        patches: Patches a film.
    """
    case = Case.random(films, patches)
    rivals: dict[str, Loss] = {"ours": _ours, "plain": plain_loss, "loop": loop_loss}
    values = {name: float(loss(case).detach()) for name, loss in rivals.items()}
    taken: dict[str, list[float]] = {name: [] for name in rivals}
    for turn in range(repeats + 2):
        for name, loss in rivals.items():
            start = time.perf_counter()
            _step(case, loss)
            if turn >= 2:
                taken[name].append(1e3 * (time.perf_counter() - start))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    return {
        "films": films,
        "sentences": len(case.sentences),
        "patches": patches,
        "threads": torch.get_num_threads(),
        **{f"{name}_ms": round(median, 2) for name, median in medians.items()},
        "ratio_to_plain": round(medians["ours"] / medians["plain"], 3),
        "ratio_to_loop": round(medians["ours"] / medians["loop"], 3),
        "largest_difference": max(abs(value - values["ours"]) for value in values.values()),
        "large": [_in_own_process(n, patches) for n in large],
    }


def large_step(films: int, patches: int) -> dict[str, Any]:
    """One step of ours at `films` films: its seconds, and the memory it took beyond what was there before.

    `kept_mib` is what no way of computing can do without: embeddings, gaze and the embeddings' gradients.
    """
    _step(Case.random(2, patches), _ours)
    case = Case.random(films, patches)
    before, start = _peak_mib(), time.perf_counter()
    _step(case, _ours)
    seconds, after = time.perf_counter() - start, _peak_mib()
    kept = 2 * (case.patches.nbytes + case.sentences.nbytes) + case.gaze.nbytes
    return {
        "films": films,
        "sentences": len(case.sentences),
        "seconds": round(seconds, 2),
        "kept_mib": round(kept / 2**20),
        "peak_beyond_inputs_mib": None if before is None or after is None else round(after - before),
    }


def plain_loss(case: Case) -> Tensor:
    """The sum of the three terms, vectorised in the obvious way: (B, B, N, M) similarities, dense rebuilt vectors."""
    p, t, films = case.patches, case.log_scale.exp(), len(case.patches)
    real = torch.arange(int(case.counts.max()))[None] < case.counts[:, None]
    s = torch.zeros(*real.shape, p.shape[2]).masked_scatter(real[:, :, None], case.sentences)
    gaze = torch.zeros(*real.shape, p.shape[1]).masked_scatter(real[:, :, None], case.gaze)
    seen = torch.zeros_like(real).masked_scatter(real, case.has_gaze)

    everything = t * torch.einsum("ipd,jsd->ijps", p, s)
    i2t = everything.masked_fill(~real[None, :, None], -torch.inf).amax(dim=3).mean(dim=2)
    t2i = (everything.amax(dim=2) * real[None]).sum(dim=2) / case.counts
    target = torch.arange(films)
    fine_grained = (functional.cross_entropy(i2t, target) + functional.cross_entropy(t2i.T, target)) / 2

    cosine = torch.einsum("bsd,bpd->bsp", s, p)
    label = gaze > RHO * gaze.amax(dim=2, keepdim=True)
    by_sentence = (_mlce(t * cosine, label, seen[:, :, None], 2) * seen).sum(dim=1) / seen.sum(dim=1).clamp(min=1)
    by_patch = _mlce(t * cosine, label, seen[:, :, None], 1).mean(dim=1)
    of_film = (ALPHA * by_sentence + (1 - ALPHA) * by_patch) * seen.any(dim=1)
    gaze_term = of_film.sum() / seen.any(dim=1).sum().clamp(min=1)

    share = LAMBDA * seen[:, :, None].float()
    looked = _cut(gaze / gaze.amax(dim=2, keepdim=True).clamp(min=1e-12))
    over_sentences = cosine.masked_fill(~real[:, :, None], torch.inf).amin(1, True), cosine.masked_fill(~real[:, :, None], -torch.inf)
    text = (1 - share) * _cut(_scaled(cosine, cosine.amin(2, True), cosine.amax(2, True))) + share * looked + FLOOR
    image = (1 - share) * _cut(_scaled(cosine, over_sentences[0], over_sentences[1].amax(1, True))) + share * looked + FLOOR
    image = (image * real[:, :, None]).transpose(1, 2)
    cross_s = functional.normalize(text / text.sum(2, True) @ p, dim=-1)
    cross_p = functional.normalize(image / image.sum(2, True) @ s, dim=-1)
    patch_logits = t * cross_p @ p.transpose(1, 2)
    own = torch.arange(p.shape[1]).expand(films, -1)
    l_image = (_cross_entropies(patch_logits, own) + _cross_entropies(patch_logits.transpose(1, 2), own)).mean(dim=1) / 2
    sentence_logits = (t * cross_s @ s.transpose(1, 2)).masked_fill(~real[:, None, :], -1e9).masked_fill(~real[:, :, None], -1e9)
    own = torch.arange(real.shape[1]).expand(films, -1)
    both = _cross_entropies(sentence_logits, own) + _cross_entropies(sentence_logits.transpose(1, 2), own)
    l_text = (both * real).sum(dim=1) / case.counts / 2
    mapping = (l_text + l_image).mean() / 2
    return fine_grained + gaze_term + mapping


def loop_loss(case: Case) -> Tensor:
    """The sum of the three terms, film by film."""
    p, t, counts = case.patches, case.log_scale.exp(), case.counts.tolist()
    i2t, t2i, of_gaze, of_mapping = [], [], [], []
    for j, m in enumerate(counts):
        start = sum(counts[:j])
        s, gaze, seen = (x[start : start + m] for x in (case.sentences, case.gaze, case.has_gaze))
        everything = t * p @ s.T
        i2t.append(everything.amax(dim=2).mean(dim=1))
        t2i.append(everything.amax(dim=1).mean(dim=1))
        cosine = s @ p[j].T
        if bool(seen.any()):
            z, y = t * cosine[seen], gaze[seen] > RHO * gaze[seen].amax(dim=1, keepdim=True)
            counted = torch.ones_like(y)
            of_gaze.append(ALPHA * _mlce(z, y, counted, 1).mean() + (1 - ALPHA) * _mlce(z, y, counted, 0).mean())
        share = LAMBDA * seen[:, None].float()
        looked = _cut(gaze / gaze.amax(dim=1, keepdim=True).clamp(min=1e-12))
        text = (1 - share) * _cut(_scaled(cosine, cosine.amin(1, True), cosine.amax(1, True))) + share * looked + FLOOR
        image = ((1 - share) * _cut(_scaled(cosine, cosine.amin(0, True), cosine.amax(0, True))) + share * looked + FLOOR).T
        cross_s = functional.normalize(text / text.sum(1, True) @ p[j], dim=-1)
        cross_p = functional.normalize(image / image.sum(1, True) @ s, dim=-1)
        sides = []
        for logits in (t * cross_s @ s.T, t * cross_p @ p[j].T):
            own = torch.arange(len(logits))
            sides.append((functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2)
        of_mapping.append(sum(sides) / 2)
    target = torch.arange(len(counts))
    fine_grained = functional.cross_entropy(torch.stack(i2t, dim=1), target) + functional.cross_entropy(torch.stack(t2i), target)
    gaze_term = torch.stack(of_gaze).mean() if of_gaze else torch.zeros(())
    return fine_grained / 2 + gaze_term + torch.stack(of_mapping).mean()


def _ours(case: Case) -> Tensor:
    scale = case.log_scale.exp()
    embedded = case.patches, case.sentences, case.counts
    looked = case.gaze, case.has_gaze
    return fine_grained_loss(*embedded, scale) + gaze_loss(*embedded, *looked, scale) + mapping_loss(*embedded, *looked, scale)


def _step(case: Case, loss: Loss) -> None:
    torch.autograd.grad(loss(case), (case.patches, case.sentences, case.log_scale))


def _in_own_process(films: int, patches: int) -> dict[str, Any]:
    code = f"import json; from egma_app.bench.loss import large_step; print(json.dumps(large_step({films}, {patches})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _peak_mib() -> float | None:
    """Most memory this process has had resident so far; None on Windows, which has no `resource`."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _mlce(z: Tensor, label: Tensor, counted: Tensor, dim: int) -> Tensor:
    negative, positive = (counted & ~label), (counted & label)
    shape = list(z.shape)
    shape[dim] = 1
    zero = z.new_zeros(shape)
    return torch.logsumexp(torch.cat((zero, z.masked_fill(~negative, -1e9)), dim=dim), dim=dim) + torch.logsumexp(
        torch.cat((zero, (-z).masked_fill(~positive, -1e9)), dim=dim), dim=dim
    )


def _cut(values: Tensor) -> Tensor:
    return values * (values >= TAU)


def _scaled(values: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return (values - low) / (high - low)


def _cross_entropies(logits: Tensor, own: Tensor) -> Tensor:
    return functional.cross_entropy(logits.flatten(0, 1), own.flatten(), reduction="none").view(own.shape)
