"""A step's gradients: those of the whole batch, whether it goes through in one pass, in several, or in several processes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from egma_core.examples.batch import Batch
from egma_core.model.config import LossConfig, ModelConfig, TextConfig, VisionConfig
from egma_core.model.egma import Egma
from egma_core.model.tokens import WordTokenizer
from egma_core.training.config import OptimConfig, TrainingConfig
from egma_core.training.gradients import put_gradients
from egma_core.training.objective import TERMS, embed, loss_terms
from egma_core.training.place import Place
from egma_core.training.precision import Precision
from egma_core.training.randomness import RandomState
from egma_core.training.runtime import Runtime

CPU = torch.device("cpu")
ALONE = Runtime(Place(), CPU)
MODEL = ModelConfig(VisionConfig(size_px=32, width=8), TextConfig(width=8, layers=1, max_tokens=6), embed_dim=8)
EVERYTHING = LossConfig()
WORDS = [f"w{i}" for i in range(12)]


def build_model(dropout: float = 0.0) -> Egma:
    torch.manual_seed(3)
    model = Egma(MODEL, WordTokenizer.build([" ".join(WORDS)], MODEL.text)).double()
    if dropout:
        model.vision_projection = nn.Sequential(nn.Dropout(dropout), model.vision_projection)
        model.text_projection = nn.Sequential(nn.Dropout(dropout), model.text_projection)
    return model.train()


def build_batch(model: Egma, counts: tuple[int, ...] = (1, 3, 2, 4, 1, 2, 2), dtype: torch.dtype = torch.float64) -> Batch:
    random = torch.Generator().manual_seed(5)
    n, cells = sum(counts), math.prod(model.grid)
    texts = [
        " ".join(WORDS[i] for i in torch.randint(12, (int(torch.randint(1, 6, (1,), generator=random)),), generator=random))
        for _ in range(n)
    ]
    has_gaze = torch.rand(n, generator=random) < 0.6
    gaze = torch.rand(n, cells, generator=random, dtype=dtype) * has_gaze[:, None]
    pixels = torch.randn(len(counts), 1, 32, 32, generator=random, dtype=dtype)
    return Batch(pixels, model.tokenizer.encode(texts), torch.tensor(counts), gaze, has_gaze, tuple(f"ex{i}" for i in range(len(counts))))


def only(term: str) -> LossConfig:
    return LossConfig(**{f"{name}_weight": float(term in (name, "all")) for name in TERMS})


def gradients(model: Egma) -> dict[str, Tensor]:
    return {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


def put(model: Egma, batch: Batch, loss: LossConfig = EVERYTHING, **optim: Any) -> dict[str, float]:
    model.zero_grad()
    config = TrainingConfig(model=MODEL, loss=loss, optim=OptimConfig(**optim))
    return put_gradients(model, batch, config, ALONE, Precision(config.optim.precision, CPU))


def assert_close(found: dict[str, Tensor], wanted: dict[str, Tensor], tolerance: float) -> None:
    assert found.keys() == wanted.keys()
    apart = {name: float((found[name] - wanted[name]).abs().max()) for name in found}
    assert max(apart.values()) < tolerance, apart


@pytest.mark.parametrize("term", [*TERMS, "all"])
def test_one_pass_gives_the_gradients_of_plain_backward(term: str) -> None:
    model = build_model()
    batch = build_batch(model)
    films, sentences = embed(model, batch)
    terms = loss_terms(model, batch, films, sentences, only(term))
    terms["loss"].backward()
    wanted = {name: gradient.clone() for name, gradient in gradients(model).items()}
    assert sum(float(gradient.abs().sum()) for gradient in wanted.values()) > 1e-3
    values = put(model, batch, only(term))
    assert values["loss"] == float(terms["loss"].detach())
    assert_close(gradients(model), wanted, 1e-12)


@pytest.mark.parametrize("term", [*TERMS, "all"])
@pytest.mark.parametrize("micro_batch", [1, 3])
def test_passes_of_a_few_films_give_the_gradients_of_the_whole_batch(term: str, micro_batch: int) -> None:
    model = build_model()
    batch = build_batch(model)
    values = put(model, batch, only(term))
    wanted = {name: gradient.clone() for name, gradient in gradients(model).items()}
    assert put(model, batch, only(term), micro_batch=micro_batch) == pytest.approx(values, abs=1e-12)
    assert_close(gradients(model), wanted, 1e-12)


def test_dropout_falls_alike_in_both_passes_and_goes_on_after_them() -> None:
    model = build_model(dropout=0.4)
    batch = build_batch(model)
    torch.manual_seed(11)
    passes = [embed(model, batch.part(start, stop)) for start, stop in ((0, 2), (2, 4), (4, 7))]
    after = torch.rand(4)
    films = dataclasses.replace(
        passes[0][0], patches=torch.cat([f.patches for f, _ in passes]), pooled=torch.cat([f.pooled for f, _ in passes])
    )
    loss_terms(model, batch, films, torch.cat([s for _, s in passes]), LossConfig())["loss"].backward()
    wanted = {name: gradient.clone() for name, gradient in gradients(model).items()}
    torch.manual_seed(11)
    put(model, batch, micro_batch=3)
    assert torch.equal(torch.rand(4), after)
    assert_close(gradients(model), wanted, 1e-12)
    torch.manual_seed(12)
    put(model, batch, micro_batch=3)
    assert float((gradients(model)["vision_projection.1.weight"] - wanted["vision_projection.1.weight"]).abs().max()) > 1e-3


def test_halves_of_fp16_are_scaled_before_they_are_cut_into_passes() -> None:
    model = build_model().float()
    batch = build_batch(model, dtype=torch.float32)
    plain = put(model, batch)
    exact = {name: gradient.clone() for name, gradient in gradients(model).items()}
    for micro_batch in (0, 3):
        model.zero_grad()
        config = TrainingConfig(model=MODEL, optim=OptimConfig(micro_batch=micro_batch, precision="fp16"))
        precision = Precision("fp16", CPU)
        assert put_gradients(model, batch, config, ALONE, precision)["loss"] == pytest.approx(plain["loss"], rel=0.02)
        scale = precision.scaler.get_scale()
        assert scale > 1000
        largest = max(float(gradient.abs().max()) for gradient in exact.values())
        assert_close({name: gradient / scale for name, gradient in gradients(model).items()}, exact, 0.05 * largest)


def test_bf16_takes_the_losses_in_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model().float()
    seen: list[torch.dtype] = []
    monkeypatch.setattr(
        "egma_core.training.gradients.loss_terms",
        lambda *given: (
            seen.append(torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32) or loss_terms(*given)
        ),
    )
    put(model, build_batch(model, dtype=torch.float32), precision="bf16")
    assert seen == [torch.float32]
    assert all(gradient.dtype == torch.float32 for gradient in gradients(model).values())


def test_a_batch_without_gaze_has_no_gaze_gradient() -> None:
    model = build_model()
    batch = build_batch(model)
    bare = dataclasses.replace(batch, gaze=torch.zeros_like(batch.gaze), has_gaze=torch.zeros_like(batch.has_gaze))
    values = put(model, bare, only("gaze"))
    assert values["loss"] == values["gaze"] == values["gaze_share"] == 0.0
    assert all(float(gradient.abs().max()) == 0.0 for gradient in gradients(model).values())
    assert put(model, batch)["gaze_share"] == pytest.approx(float(batch.has_gaze.double().mean()))


class Shared(Runtime):
    """One of two processes, with the other's answers at hand: what `gather` gives was computed before."""

    def __init__(self, rank: int, parts: list[Batch], model: Egma) -> None:
        super().__init__(Place(rank, 2), CPU)
        with torch.no_grad():
            embedded = [embed(model, part) for part in parts]
        self._answers: Iterator[list[Tensor]] = iter(
            [[f.patches for f, _ in embedded], [f.pooled for f, _ in embedded], [s for _, s in embedded]]
            + [[nn.functional.pad(getattr(p.tokens, name), (0, 6 - p.tokens.ids.shape[1])) for p in parts] for name in ("ids", "mask")]
            + [[getattr(p, name) for p in parts] for name in ("counts", "gaze", "has_gaze")]
        )

    def gather(self, tensor: Tensor) -> list[Tensor]:
        answer = next(self._answers)
        torch.testing.assert_close(answer[self.place.rank], tensor.detach(), rtol=0, atol=1e-12)
        return answer


@pytest.mark.parametrize("term", [*TERMS, "all"])
@pytest.mark.parametrize("micro_batch", [0, 2])
def test_the_mean_over_two_processes_is_the_gradient_of_one(term: str, micro_batch: int) -> None:
    """Parts of 4 and 3 films, with unequal sentences and gaze; real processes do the same in test_processes.py."""
    model = build_model()
    batch = build_batch(model)
    parts = [batch.part(0, 4), batch.part(4, 7)]
    assert int(parts[0].has_gaze.sum()) != int(parts[1].has_gaze.sum())
    put(model, batch, only(term))
    wanted = {name: gradient.clone() for name, gradient in gradients(model).items()}
    config = TrainingConfig(model=MODEL, loss=only(term), optim=OptimConfig(micro_batch=micro_batch))
    sums: dict[str, Tensor] = {}
    for rank, part in enumerate(parts):
        model.zero_grad()
        put_gradients(model, part, config, Shared(rank, parts, model), Precision("fp32", CPU))
        for name, gradient in gradients(model).items():
            sums[name] = sums.get(name, torch.zeros_like(gradient)) + gradient / 2
    assert_close(sums, wanted, 1e-12)


def test_the_random_state_is_put_back() -> None:
    before = RandomState.take(CPU)
    drawn = torch.rand(3)
    before.put_back(CPU)
    assert torch.equal(torch.rand(3), drawn)
