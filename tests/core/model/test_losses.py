"""The losses: the published numbers, an independent reference one item at a time, and the invariances the method promises."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from egma_core.errors import ConfigError
from egma_core.model.config import FINE_GRAINED_FORMS, MAPPING_FORMS
from egma_core.model.gaze import multi_label_loss
from egma_core.model.losses import (
    fine_grained_loss,
    gaze_loss,
    global_loss,
    mapping_loss,
)

T0 = 1 / 0.07


class Case(NamedTuple):
    patches: Tensor
    sentences: Tensor
    counts: Tensor
    gaze: Tensor
    has_gaze: Tensor


def make(counts: list[int], n: int = 9, d: int = 6, seed: int = 0, gaze_share: float = 0.6) -> Case:
    g = torch.Generator().manual_seed(seed)
    s = sum(counts)
    patches = functional.normalize(torch.randn(len(counts), n, d, generator=g, dtype=torch.float64), dim=-1)
    sentences = functional.normalize(torch.randn(s, d, generator=g, dtype=torch.float64), dim=-1)
    gaze = torch.rand(s, n, generator=g, dtype=torch.float64) ** 3
    has_gaze = torch.rand(s, generator=g) < gaze_share
    return Case(patches, sentences, torch.tensor(counts), gaze, has_gaze)


def golden_case(path: Path, dtype: torch.dtype) -> Case:
    with np.load(path) as z:
        tensors = [torch.from_numpy(z[key]) for key in ("P", "T", "ns", "gaze_grid_7x7", "gaze")]
    patches, sentences, counts, gaze, films = tensors
    return Case(patches.to(dtype), sentences.to(dtype), counts, gaze.to(dtype), films.bool().repeat_interleave(counts))


def all_losses(case: Case, scale: Tensor | float = T0) -> dict[str, Tensor]:
    return {
        "fine_grained": fine_grained_loss(case.patches, case.sentences, case.counts, scale),
        "gaze": gaze_loss(*case, scale),
        "mapping": mapping_loss(*case, scale),
        "global": global_loss(functional.normalize(case.patches.mean(dim=1), dim=-1), case.sentences, case.counts, scale),
    }


@pytest.mark.needs_data
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
class TestGolden:
    @pytest.mark.parametrize(
        ("variant", "expected"),
        [("correct", 1.4316157), ("legacy", 1.4222276), ("legacy_masked", 1.4332423), ("legacy_transposed", 1.4206009)],
    )
    def test_fine_grained(self, golden: Path, dtype: torch.dtype, variant: str, expected: float) -> None:
        case = golden_case(golden, dtype)
        assert fine_grained_loss(*case[:3], T0, variant=variant).item() == pytest.approx(expected, abs=1e-5)

    @pytest.mark.parametrize(("alpha", "threshold", "expected"), [(0.8, 0.0, 5.7037365), (0.5, 0.0, 4.2313472), (0.5, 0.1, 3.8619277)])
    def test_gaze(self, golden: Path, dtype: torch.dtype, alpha: float, threshold: float, expected: float) -> None:
        case = golden_case(golden, dtype)
        assert gaze_loss(*case, T0, alpha=alpha, threshold=threshold).item() == pytest.approx(expected, abs=1e-5)

    def test_gaze_legacy_keeps_the_released_constants(self, golden: Path, dtype: torch.dtype) -> None:
        case = golden_case(golden, dtype)
        assert gaze_loss(*case, T0, alpha=0.1, threshold=0.9, variant="legacy").item() == pytest.approx(5.7037368, abs=1e-5)

    @pytest.mark.parametrize(
        ("variant", "expected"), [("correct", 1.7476620), ("legacy", 2.2018647), ("plain_v2", 2.2018647), ("gaze_v2", 2.2102094)]
    )
    def test_mapping(self, golden: Path, dtype: torch.dtype, variant: str, expected: float) -> None:
        case = golden_case(golden, dtype)
        assert mapping_loss(*case, T0, variant=variant).item() == pytest.approx(expected, abs=1e-5)

    def test_mapping_without_gaze(self, golden: Path, dtype: torch.dtype) -> None:
        case = golden_case(golden, dtype)
        assert mapping_loss(*case, T0, gaze_weight=0.0).item() == pytest.approx(1.7140866, abs=1e-5)
        unseen = case._replace(has_gaze=torch.zeros_like(case.has_gaze))
        assert mapping_loss(*unseen, T0).item() == pytest.approx(1.7140866, abs=1e-5)

    def test_legacy_mapping_keeps_the_released_constants(self, golden: Path, dtype: torch.dtype) -> None:
        case = golden_case(golden, dtype)
        value = mapping_loss(*case, T0, gaze_weight=0.9, threshold=0.9, text_weight=0.9, variant="gaze_v2")
        assert value.item() == pytest.approx(2.2102094, abs=1e-5)


def reference_fine_grained(case: Case, t: float) -> float:
    texts = case.sentences.split(case.counts.tolist())
    i2t = torch.stack([torch.stack([(t * p @ s.T).max(dim=1).values.mean() for s in texts]) for p in case.patches])
    t2i = torch.stack([torch.stack([(t * p @ s.T).max(dim=0).values.mean() for s in texts]) for p in case.patches])
    target = torch.arange(len(texts))
    return float((functional.cross_entropy(i2t, target) + functional.cross_entropy(t2i.T, target)) / 2)


def reference_mlce(z: list[float], y: list[bool]) -> float:
    negatives = sum(math.exp(v) for v, positive in zip(z, y, strict=True) if not positive)
    positives = sum(math.exp(-v) for v, positive in zip(z, y, strict=True) if positive)
    return math.log(1 + negatives) + math.log(1 + positives)


def reference_gaze(case: Case, t: float, alpha: float = 0.5, rho: float = 0.1) -> float:
    offset, per_film = 0, []
    for p, m in zip(case.patches, case.counts.tolist(), strict=True):
        rows = [s for s in range(offset, offset + m) if case.has_gaze[s]]
        offset += m
        if not rows:
            continue
        z = (t * case.sentences[rows] @ p.T).tolist()
        y = [(case.gaze[s] > rho * case.gaze[s].max()).tolist() for s in rows]
        by_sentence = [reference_mlce(a, b) for a, b in zip(z, y, strict=True)]
        by_patch = [reference_mlce(list(a), list(b)) for a, b in zip(zip(*z, strict=True), zip(*y, strict=True), strict=True)]
        per_film.append(alpha * float(np.mean(by_sentence)) + (1 - alpha) * float(np.mean(by_patch)))
    return float(np.mean(per_film)) if per_film else 0.0


def reference_mapping(case: Case, t: float, lam: float = 0.5, tau: float = 2 / 7, beta: float = 0.5) -> float:
    def min_max(a: Tensor) -> Tensor:
        lo, hi = a.min(dim=1, keepdim=True).values, a.max(dim=1, keepdim=True).values
        return torch.where(hi - lo > 1e-6, (a - lo) / (hi - lo + 1e-300), torch.ones_like(a))

    def cut(a: Tensor) -> Tensor:
        return a * (a >= tau)

    def contrast(a: Tensor) -> Tensor:
        target = torch.arange(len(a))
        return (functional.cross_entropy(a, target) + functional.cross_entropy(a.T, target)) / 2

    per_film, offset = [], 0
    for p, m in zip(case.patches, case.counts.tolist(), strict=True):
        s = case.sentences[offset : offset + m]
        has = case.has_gaze[offset : offset + m]
        g = case.gaze[offset : offset + m]
        offset += m
        share = lam * has.double()[:, None]
        g = torch.where(has[:, None], cut(g / g.max(dim=1, keepdim=True).values.clamp(min=1e-300)), torch.zeros_like(g))
        w = (1 - share) * cut(min_max(s @ p.T)) + share * g + 0.01
        cross_s = functional.normalize((w / w.sum(dim=1, keepdim=True)) @ p, dim=1)
        if m == 1:
            per_film.append(beta * (1 - (cross_s * s).sum()))
            continue
        v = (1 - share.T) * cut(min_max(p @ s.T)) + share.T * g.T + 0.01
        cross_p = functional.normalize((v / v.sum(dim=1, keepdim=True)) @ s, dim=1)
        per_film.append(beta * contrast(t * cross_s @ s.T) + (1 - beta) * contrast(t * cross_p @ p.T))
    return float(torch.stack(per_film).mean())


batches = st.builds(
    make,
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    n=st.integers(2, 10),
    seed=st.integers(0, 10_000),
    gaze_share=st.sampled_from([0.0, 0.5, 1.0]),
)
few = settings(max_examples=15, deadline=None)


class TestAgainstReference:
    @few
    @given(batches)
    def test_fine_grained(self, case: Case) -> None:
        assert fine_grained_loss(*case[:3], T0).item() == pytest.approx(reference_fine_grained(case, T0), abs=1e-9)

    @few
    @given(batches, st.floats(0, 1), st.floats(0, 0.9))
    def test_gaze(self, case: Case, alpha: float, rho: float) -> None:
        value = gaze_loss(*case, T0, alpha=alpha, threshold=rho).item()
        assert value == pytest.approx(reference_gaze(case, T0, alpha, rho), abs=1e-9)

    @few
    @given(batches, st.floats(0, 1), st.floats(0, 0.9), st.floats(0, 1))
    def test_mapping(self, case: Case, lam: float, tau: float, beta: float) -> None:
        value = mapping_loss(*case, T0, gaze_weight=lam, threshold=tau, text_weight=beta).item()
        assert value == pytest.approx(reference_mapping(case, T0, lam, tau, beta), abs=1e-8)

    def test_global(self) -> None:
        case = make([3, 1, 2])
        pooled = functional.normalize(case.patches.mean(dim=1), dim=1)
        reports = torch.stack([functional.normalize(s.mean(dim=0), dim=0) for s in case.sentences.split([3, 1, 2])])
        logits, target = T0 * pooled @ reports.T, torch.arange(3)
        expected = (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2
        assert global_loss(pooled, case.sentences, case.counts, T0).item() == pytest.approx(expected.item(), abs=1e-9)


class TestInvariances:
    @few
    @given(batches, st.integers(0, 1000))
    def test_order_of_films_does_not_matter(self, case: Case, seed: int) -> None:
        order = torch.randperm(len(case.counts), generator=torch.Generator().manual_seed(seed))
        starts = case.counts.cumsum(0) - case.counts
        rows = torch.cat([torch.arange(int(starts[i]), int(starts[i] + case.counts[i])) for i in order])
        shuffled = Case(case.patches[order], case.sentences[rows], case.counts[order], case.gaze[rows], case.has_gaze[rows])
        for name, value in all_losses(case).items():
            assert all_losses(shuffled)[name].item() == pytest.approx(value.item(), abs=1e-9), name

    @few
    @given(batches, st.integers(0, 1000))
    def test_order_of_patches_does_not_matter(self, case: Case, seed: int) -> None:
        order = torch.randperm(case.patches.shape[1], generator=torch.Generator().manual_seed(seed))
        moved = case._replace(patches=case.patches[:, order], gaze=case.gaze[:, order])
        for name, value in all_losses(case).items():
            assert all_losses(moved)[name].item() == pytest.approx(value.item(), abs=1e-9), name

    def test_a_longer_report_elsewhere_changes_nothing_inside_an_item(self) -> None:
        alone = make([2], seed=3, gaze_share=1.0)
        other = make([7], seed=4, gaze_share=0.0)
        both = Case(*(torch.cat(pair) for pair in zip(alone, other, strict=True)))
        assert gaze_loss(*both, T0).item() == pytest.approx(gaze_loss(*alone, T0).item(), abs=1e-12)
        expected = (mapping_loss(*alone, T0) + mapping_loss(*other, T0)).item() / 2
        assert mapping_loss(*both, T0).item() == pytest.approx(expected, abs=1e-12)

    def test_legacy_lets_padding_in_and_the_correct_form_does_not(self) -> None:
        case = make([1, 6], seed=1)
        away = case._replace(sentences=-functional.normalize(case.patches[0].mean(dim=0), dim=0).expand(7, -1))
        correct, legacy = (fine_grained_loss(*away[:3], T0, variant=v).item() for v in ("correct", "legacy_transposed"))
        assert correct == pytest.approx(reference_fine_grained(away, T0), abs=1e-9)
        assert abs(legacy - correct) > 1e-3

    def test_texts_contrast_films(self) -> None:
        case = make([1, 1, 1])
        patches = case.patches.clone().requires_grad_()
        own = torch.stack([(T0 * p @ case.sentences.T).max(dim=0).values for p in patches])
        only_first_text = functional.cross_entropy(own.T[:1], torch.tensor([0]))
        (gradient,) = torch.autograd.grad(only_first_text, patches)
        assert gradient[1:].abs().sum() > 0
        (whole,) = torch.autograd.grad(fine_grained_loss(patches, case.sentences, case.counts, T0), patches)
        assert (whole.flatten(1).abs().sum(dim=1) > 0).all()

    def test_what_stands_in_rows_without_gaze_does_not_matter(self) -> None:
        case = make([3, 2], gaze_share=0.5)
        assert 0 < int(case.has_gaze.sum()) < 5
        blank = case._replace(gaze=torch.where(case.has_gaze[:, None], case.gaze, torch.full_like(case.gaze, math.nan)))
        assert gaze_loss(*blank, T0).item() == gaze_loss(*case, T0).item()
        assert mapping_loss(*blank, T0).item() == mapping_loss(*case, T0).item()

    def test_the_callers_tensors_are_left_alone(self) -> None:
        case = make([3, 2])
        before = [tensor.clone() for tensor in case]
        for variant in MAPPING_FORMS:
            mapping_loss(*case, T0, variant=variant)
        gaze_loss(*case, T0)
        assert all(torch.equal(a, b) for a, b in zip(before, case, strict=True))


def degenerate_cases() -> dict[str, Case]:
    plain = make([3, 1, 2])
    return {
        "one sentence each": make([1, 1, 1]),
        "one film": make([4]),
        "one film, one sentence": make([1]),
        "no gaze": plain._replace(has_gaze=torch.zeros(6, dtype=torch.bool)),
        "gaze everywhere": plain._replace(has_gaze=torch.ones(6, dtype=torch.bool)),
        "gaze is flat": plain._replace(has_gaze=torch.ones(6, dtype=torch.bool), gaze=torch.ones(6, 9, dtype=torch.float64)),
        "gaze rows of zeros": plain._replace(has_gaze=torch.ones(6, dtype=torch.bool), gaze=torch.zeros(6, 9, dtype=torch.float64)),
        "constant patches": plain._replace(patches=plain.patches[:, :1].expand(-1, 9, -1).contiguous()),
        "constant sentences": plain._replace(sentences=plain.sentences[:1].expand(6, -1).contiguous()),
        "one patch": make([2, 1], n=1),
        "opposite patches": plain._replace(patches=torch.cat([plain.patches[:, :4], -plain.patches[:, :4]], dim=1), gaze=plain.gaze[:, :8]),
    }


class TestFinite:
    @pytest.mark.parametrize("name", degenerate_cases())
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("scale", [1.0, 100.0])
    def test_values_and_gradients(self, name: str, dtype: torch.dtype, scale: float) -> None:
        case = degenerate_cases()[name]
        patches, sentences = (x.to(dtype).clone().requires_grad_() for x in case[:2])
        theta = torch.tensor(math.log(scale), dtype=dtype, requires_grad=True)
        case = case._replace(patches=patches, sentences=sentences)
        values = all_losses(case, theta.exp())
        for variant in MAPPING_FORMS:
            values[f"mapping {variant}"] = mapping_loss(*case, theta.exp(), variant=variant)
        for variant in FINE_GRAINED_FORMS:
            values[f"fine-grained {variant}"] = fine_grained_loss(*case[:3], theta.exp(), variant=variant)
        for loss, value in values.items():
            assert value.shape == () and bool(torch.isfinite(value)), loss
            gradients = torch.autograd.grad(value, (patches, sentences, theta), retain_graph=True, allow_unused=True)
            assert all(g is None or bool(torch.isfinite(g).all()) for g in gradients), loss

    def test_without_gaze_the_gaze_loss_is_zero(self) -> None:
        case = degenerate_cases()["no gaze"]
        assert gaze_loss(*case, T0).item() == 0.0

    def test_huge_logits(self) -> None:
        z = torch.tensor([1e4, -1e4, 3.0], dtype=torch.float64, requires_grad=True)
        value = multi_label_loss(z, torch.tensor([False, True, True]), torch.ones(3, dtype=torch.bool))
        assert value.item() == pytest.approx(2e4, rel=1e-6)
        (gradient,) = torch.autograd.grad(value, z)
        assert torch.isfinite(gradient).all()


class TestGradients:
    def test_multi_label_loss(self) -> None:
        z = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
        positive = torch.rand(3, 4, generator=torch.Generator().manual_seed(1)) < 0.5
        counted = torch.rand(3, 4, generator=torch.Generator().manual_seed(2)) < 0.8
        for dim in (0, 1):
            assert torch.autograd.gradcheck(lambda x, d=dim: multi_label_loss(x, positive, counted, d), (z,))

    def test_every_loss(self) -> None:
        case = make([2, 1], n=3, d=3, seed=5)
        inputs = (
            case.patches.clone().requires_grad_(),
            case.sentences.clone().requires_grad_(),
            torch.tensor(2.0, dtype=torch.float64, requires_grad=True),
        )

        def total(patches: Tensor, sentences: Tensor, scale: Tensor) -> Tensor:
            return sum(
                all_losses(case._replace(patches=patches, sentences=sentences), scale).values(), torch.zeros((), dtype=torch.float64)
            )

        assert torch.autograd.gradcheck(total, inputs, fast_mode=True)


class TestPrecision:
    @pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
    def test_half_precision_is_raised(self, half: torch.dtype) -> None:
        case = make([3, 1, 2])
        low = case._replace(patches=case.patches.to(half), sentences=case.sentences.to(half))
        raised = low._replace(patches=low.patches.float(), sentences=low.sentences.float())
        for name, value in all_losses(raised).items():
            if name != "global":
                assert all_losses(low)[name].dtype == torch.float32
                assert all_losses(low)[name].item() == value.item(), name

    def test_float64_stays(self) -> None:
        assert {value.dtype for value in all_losses(make([2, 2])).values()} == {torch.float64}

    def test_autocast_is_off_inside(self) -> None:
        case = make([3, 1, 2])
        case = case._replace(patches=case.patches.float(), sentences=case.sentences.float())
        outside = {name: value.item() for name, value in all_losses(case).items() if name != "global"}
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inside = {name: value.item() for name, value in all_losses(case).items() if name != "global"}
        assert inside == outside

    def test_scale_is_the_inverse_temperature_and_may_be_learnt(self) -> None:
        case = make([2, 2])
        theta = torch.tensor(math.log(T0), requires_grad=True)
        assert fine_grained_loss(*case[:3], theta.exp()).item() == pytest.approx(fine_grained_loss(*case[:3], T0).item(), rel=1e-5)
        (gradient,) = torch.autograd.grad(sum(all_losses(case, theta.exp()).values()), theta)
        assert gradient.item() != 0.0


class TestRefusals:
    def test_a_film_without_sentence(self) -> None:
        case = make([2, 1])
        for call in (
            lambda c: fine_grained_loss(case.patches, case.sentences, c, T0),
            lambda c: gaze_loss(case.patches, case.sentences, c, case.gaze, case.has_gaze, T0),
            lambda c: mapping_loss(case.patches, case.sentences, c, case.gaze, case.has_gaze, T0),
            lambda c: global_loss(case.patches[:, 0], case.sentences, c, T0),
        ):
            with pytest.raises(ConfigError, match="no sentence"):
                call(torch.tensor([3, 0]))

    def test_counts_that_do_not_add_up(self) -> None:
        case = make([2, 1])
        for counts in (torch.tensor([2, 2]), torch.tensor([3]), torch.tensor([2.0, 1.0])):
            with pytest.raises(ConfigError):
                fine_grained_loss(case.patches, case.sentences, counts, T0)

    def test_gaze_on_another_grid(self) -> None:
        case = make([2, 1])
        for loss in (gaze_loss, mapping_loss):
            with pytest.raises(ConfigError, match="9 patches"):
                loss(*case._replace(gaze=torch.zeros(3, 16)), T0)
            with pytest.raises(ConfigError, match="has_gaze"):
                loss(*case._replace(has_gaze=torch.ones(3)), T0)

    def test_gaze_that_is_not_a_number(self) -> None:
        case = make([2, 1], gaze_share=1.0)
        for bad in (math.nan, -0.5, math.inf):
            gaze = case.gaze.clone()
            gaze[1, 2] = bad
            for loss in (gaze_loss, mapping_loss):
                with pytest.raises(ConfigError, match="gaze"):
                    loss(*case._replace(gaze=gaze), T0)

    def test_unknown_variant_names_the_known_ones(self) -> None:
        case = make([2, 1])
        with pytest.raises(ConfigError, match="legacy_masked"):
            fine_grained_loss(*case[:3], T0, variant="nonsense")
        with pytest.raises(ConfigError, match="plain_v2"):
            mapping_loss(*case, T0, variant="nonsense")
        with pytest.raises(ConfigError, match="legacy"):
            gaze_loss(*case, T0, variant="nonsense")

    def test_shapes_and_scales(self) -> None:
        case = make([2, 1])
        with pytest.raises(ConfigError, match="do not fit"):
            fine_grained_loss(case.patches[..., :3], case.sentences, case.counts, T0)
        with pytest.raises(ConfigError, match="do not fit"):
            global_loss(case.patches, case.sentences, case.counts, T0)
        with pytest.raises(ConfigError, match="one number"):
            fine_grained_loss(*case[:3], torch.ones(2))
        with pytest.raises(ConfigError, match="without films"):
            fine_grained_loss(case.patches[:0], case.sentences[:0], [], T0)
