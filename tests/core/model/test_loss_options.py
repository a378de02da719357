"""What can be chosen about the losses: going in parts, soft gaze, normalisation, shared positives, and each term's own gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
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
from egma_core.model import chunks
from egma_core.model.config import FINE_GRAINED_FORMS, MAPPING_FORMS, LossConfig, TextConfig
from egma_core.model.gaze import divergence, most_looked_at
from egma_core.model.losses import fine_grained_loss, gaze_loss, global_loss, mapping_loss
from egma_core.model.tokens import WordTokenizer, report_keys

T0 = 1 / 0.07


class Case(NamedTuple):
    patches: Tensor
    sentences: Tensor
    counts: Tensor
    gaze: Tensor
    has_gaze: Tensor


def make(counts: list[int], n: int = 9, d: int = 6, seed: int = 0, gaze_share: float = 0.6, dtype: torch.dtype = torch.float64) -> Case:
    g = torch.Generator().manual_seed(seed)
    s = sum(counts)
    patches = functional.normalize(torch.randn(len(counts), n, d, generator=g, dtype=torch.float64), dim=-1).to(dtype)
    sentences = functional.normalize(torch.randn(s, d, generator=g, dtype=torch.float64), dim=-1).to(dtype)
    gaze = (torch.rand(s, n, generator=g, dtype=torch.float64) ** 3).to(dtype)
    return Case(patches, sentences, torch.tensor(counts), gaze, torch.rand(s, generator=g) < gaze_share)


cases = st.builds(
    make,
    st.lists(st.integers(1, 4), min_size=1, max_size=5),
    n=st.integers(2, 10),
    seed=st.integers(0, 10_000),
    gaze_share=st.sampled_from([0.0, 0.5, 1.0]),
)
few = settings(max_examples=12, deadline=None)

Term = Callable[..., Tensor]
TERMS: dict[str, Term] = {
    **{f"fine-grained {v}": lambda c, t, v=v, **k: fine_grained_loss(*c[:3], t, variant=v, **k) for v in FINE_GRAINED_FORMS},
    "gaze mlce": lambda c, t, **k: gaze_loss(*c, t, **k),
    "gaze soft": lambda c, t, **k: gaze_loss(*c, t, form="soft", **k),
    "gaze of the batch": lambda c, t, **k: gaze_loss(*c, t, normalisation="batch", **k),
    **{f"mapping {v}": lambda c, t, v=v, **k: mapping_loss(*c, t, variant=v, **k) for v in MAPPING_FORMS},
}


def value_and_gradients(term: Term, case: Case, **more: int) -> tuple[Tensor, ...]:
    patches, sentences = (tensor.clone().requires_grad_() for tensor in case[:2])
    scale = torch.tensor(T0, dtype=patches.dtype, requires_grad=True)
    value = term(case._replace(patches=patches, sentences=sentences), scale, **more)
    gradients = torch.autograd.grad(value, (patches, sentences, scale), allow_unused=True, materialize_grads=True)
    return value, *gradients


class TestInParts:
    @pytest.mark.parametrize("name", TERMS)
    @pytest.mark.parametrize("at_once", [1, 150])
    def test_value_and_gradient_are_those_of_the_whole(self, name: str, at_once: int) -> None:
        case = make([3, 1, 4, 2, 1, 2, 3], n=9, d=8, seed=2, dtype=torch.float32)
        for whole, parted in zip(
            value_and_gradients(TERMS[name], case), value_and_gradients(TERMS[name], case, at_once=at_once), strict=True
        ):
            torch.testing.assert_close(parted, whole, rtol=1e-5, atol=1e-6)

    @few
    @given(cases, st.integers(1, 400))
    def test_exactly_so_in_double_precision(self, case: Case, at_once: int) -> None:
        for name in ("fine-grained correct", "gaze mlce", "gaze soft", "mapping correct"):
            for whole, parted in zip(
                value_and_gradients(TERMS[name], case), value_and_gradients(TERMS[name], case, at_once=at_once), strict=True
            ):
                torch.testing.assert_close(parted, whole, rtol=1e-11, atol=1e-11)

    def test_parts_are_as_large_as_the_limit_allows(self) -> None:
        spans: list[slice] = []

        def film_numbers(films: slice) -> Tensor:
            spans.append(films)
            return torch.arange(10.0)[films]

        assert chunks.by_films(film_numbers, 10, 5, at_once=20).tolist() == list(range(10))
        assert spans == [slice(0, 4), slice(4, 8), slice(8, 12)]
        spans.clear()
        chunks.by_films(film_numbers, 10, 5, at_once=50)
        assert spans == [slice(0, 10)]

    def test_what_is_computed_on_the_way_is_not_kept(self) -> None:
        case = make([2] * 8, n=9, d=6)
        kept: list[int] = []

        def keep(tensor: Tensor) -> Tensor:
            kept.append(tensor.numel())
            return tensor

        largest: dict[int, int] = {}
        for at_once in (chunks.AT_ONCE, 9 * 16):
            kept.clear()
            with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                fine_grained_loss(case.patches.clone().requires_grad_(), case.sentences, case.counts, T0, at_once=at_once)
            largest[at_once] = max(kept)
        assert largest[chunks.AT_ONCE] >= 8 * 9 * 16
        assert largest[9 * 16] < 8 * 9 * 16

    @pytest.mark.needs_data
    def test_golden_numbers_in_parts(self, golden: Path) -> None:
        with np.load(golden) as z:
            patches, sentences, counts, gaze, films = (torch.from_numpy(z[key]) for key in ("P", "T", "ns", "gaze_grid_7x7", "gaze"))
        case = Case(patches, sentences, counts, gaze.float(), films.bool().repeat_interleave(counts))
        assert fine_grained_loss(*case[:3], T0, at_once=1).item() == pytest.approx(1.4316157, abs=1e-5)
        assert gaze_loss(*case, T0, at_once=1).item() == pytest.approx(3.8619277, abs=1e-5)
        assert mapping_loss(*case, T0, at_once=1).item() == pytest.approx(1.7476620, abs=1e-5)
        assert mapping_loss(*case, T0, variant="gaze_v2", at_once=1).item() == pytest.approx(2.2102094, abs=1e-5)


class TestGradients:
    @pytest.mark.parametrize("name", TERMS)
    @pytest.mark.parametrize("counts", [[2, 1], [1, 1, 3]])
    def test_each_term(self, name: str, counts: list[int]) -> None:
        case = make(counts, n=3, d=3, seed=5, gaze_share=0.8)
        inputs = (
            case.patches.clone().requires_grad_(),
            case.sentences.clone().requires_grad_(),
            torch.tensor(2.0, dtype=torch.float64, requires_grad=True),
        )

        def loss(patches: Tensor, sentences: Tensor, scale: Tensor) -> Tensor:
            return TERMS[name](case._replace(patches=patches, sentences=sentences), scale)

        assert torch.autograd.gradcheck(loss, inputs)

    def test_the_global_term(self) -> None:
        case = make([2, 1], d=3)
        pooled = case.patches[:, 0].clone().requires_grad_()
        sentences = case.sentences.clone().requires_grad_()
        assert torch.autograd.gradcheck(lambda p, s: global_loss(p, s, case.counts, 2.0), (pooled, sentences))

    @pytest.mark.parametrize("name", ["gaze soft", "gaze of the batch"])
    @pytest.mark.parametrize("scale", [1.0, 100.0])
    def test_are_finite_at_the_edges(self, name: str, scale: float) -> None:
        plain = make([3, 1, 2], dtype=torch.float32)
        everyone = torch.ones(6, dtype=torch.bool)
        one_cell = functional.one_hot(torch.tensor([0, 1, 2, 3, 4, 5]), 9).float()
        for case in (
            make([1, 1], dtype=torch.float32),
            plain._replace(has_gaze=~everyone),
            plain._replace(has_gaze=everyone),
            plain._replace(has_gaze=everyone, gaze=torch.zeros(6, 9)),
            plain._replace(has_gaze=everyone, gaze=torch.ones(6, 9)),
            plain._replace(has_gaze=everyone, gaze=one_cell),
            plain._replace(patches=plain.patches[:, :1].expand(-1, 9, -1).contiguous()),
            plain._replace(patches=torch.cat([plain.patches[:, :4], -plain.patches[:, :5]], dim=1)),
        ):
            for tensor in value_and_gradients(lambda c, t: TERMS[name](c, t * scale / T0), case):
                assert bool(torch.isfinite(tensor).all())


class TestInvariance:
    @few
    @given(cases, st.integers(0, 1000))
    def test_order_of_sentences_within_a_film_does_not_matter(self, case: Case, seed: int) -> None:
        g = torch.Generator().manual_seed(seed)
        starts = (case.counts.cumsum(0) - case.counts).tolist()
        rows = torch.cat([start + torch.randperm(m, generator=g) for start, m in zip(starts, case.counts.tolist(), strict=True)])
        moved = case._replace(sentences=case.sentences[rows], gaze=case.gaze[rows], has_gaze=case.has_gaze[rows])
        for name, term in TERMS.items():
            assert term(moved, T0).item() == pytest.approx(term(case, T0).item(), abs=1e-8), name

    @few
    @given(cases, st.integers(1, 5))
    def test_padding_does_not_matter(self, case: Case, longer: int) -> None:
        """A much longer report of another film pads all others; what is computed inside a film stays as it was."""
        other = make([int(case.counts.max()) + longer], n=case.patches.shape[1], seed=9, gaze_share=1.0)
        both = Case(*(torch.cat(pair) for pair in zip(case, other, strict=True)))
        b = len(case.counts)
        for name in ("gaze of the batch", "mapping correct"):
            expected = (b * TERMS[name](case, T0) + TERMS[name](other, T0)) / (b + 1)
            assert TERMS[name](both, T0).item() == pytest.approx(expected.item(), abs=1e-9), name

    def test_text_to_image_reaches_other_films(self) -> None:
        case = make([1, 2, 1])
        _, patches, *_ = value_and_gradients(TERMS["fine-grained correct"], case)
        assert (patches.flatten(1).abs().sum(dim=1) > 0).all()
        # Change one film: the gradient of the others changes with it, as it would not if only reports were contrasted.
        moved = case._replace(patches=torch.cat([-case.patches[:1], case.patches[1:]]))
        for form, reaches in (("correct", True), ("legacy_masked", False)):
            term = TERMS[f"fine-grained {form}"]
            before, after = (value_and_gradients(term, c)[1][1:] for c in (case, moved))
            assert torch.allclose(before, after) is not reaches, form


class TestSoftGaze:
    def test_against_the_definition(self) -> None:
        case = make([2, 3], gaze_share=1.0)
        per_film, offset = [], 0
        for p, m in zip(case.patches, case.counts.tolist(), strict=True):
            values = []
            for s in range(offset, offset + m):
                predicted = torch.softmax(T0 * p @ case.sentences[s], dim=0)
                kept = case.gaze[s] * (case.gaze[s] >= case.gaze[s].sort(descending=True).values[math.ceil(0.25 * 9) - 1])
                looked = kept / kept.sum()
                middle = (predicted + looked) / 2
                some = looked > 0
                of_looked = (looked[some] * (looked[some] / middle[some]).log()).sum()
                values.append(((predicted * (predicted / middle).log()).sum() + of_looked) / 2)
            per_film.append(torch.stack(values).mean())
            offset += m
        assert gaze_loss(*case, T0, form="soft").item() == pytest.approx(torch.stack(per_film).mean().item(), abs=1e-12)

    def test_is_zero_where_the_model_looks_like_the_reader(self) -> None:
        gaze = torch.tensor([[0.0, 0.5, 0.25, 0.25]], dtype=torch.float64)
        assert divergence(gaze.clamp(min=1e-300).log(), gaze).item() == pytest.approx(0.0, abs=1e-12)
        assert divergence(torch.tensor([[1e4, 0.0, 0.0, 0.0]], dtype=torch.float64), gaze).item() == pytest.approx(math.log(2), abs=1e-9)

    def test_the_most_looked_at_cells(self) -> None:
        gaze = torch.tensor([[0.1, 0.4, 0.4, 0.2], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.3]])
        assert most_looked_at(gaze, 0.25).tolist() == [[0.0, 0.5, 0.5, 0.0], [0.0] * 4, [0.0, 0.0, 0.0, 1.0]]
        assert most_looked_at(gaze, 0.0).tolist() == most_looked_at(gaze, 0.25).tolist()
        torch.testing.assert_close(most_looked_at(gaze, 1.0)[0], gaze[0] / 1.1)

    def test_a_sentence_without_a_glance_counts_as_none(self) -> None:
        case = make([2, 1], gaze_share=1.0)
        blank = case._replace(gaze=torch.cat([case.gaze[:1], torch.zeros(2, 9, dtype=torch.float64)]))
        unseen = blank._replace(has_gaze=torch.tensor([True, False, False]))
        assert gaze_loss(*blank, T0, form="soft").item() == gaze_loss(*unseen, T0, form="soft").item() > 0


def test_gaze_may_be_divided_by_all_films() -> None:
    case = make([2, 1, 3], gaze_share=1.0)
    some = case._replace(has_gaze=torch.tensor([True, True, False, False, False, False]))
    for form in ("mlce", "soft"):
        of_gaze, of_batch = (gaze_loss(*some, T0, form=form, normalisation=n).item() for n in ("gaze", "batch"))
        assert of_batch == pytest.approx(of_gaze / 3)


class TestSharedPositives:
    def test_against_the_definition(self) -> None:
        case = make([1, 2, 1])
        keys = torch.tensor([7, -3, 7])
        share = torch.tensor([[0.5, 0, 0.5], [0, 1, 0], [0.5, 0, 0.5]], dtype=torch.float64)
        texts = case.sentences.split([1, 2, 1])
        i2t = torch.stack([torch.stack([(T0 * p @ s.T).amax(dim=1).mean() for s in texts]) for p in case.patches])
        t2i = torch.stack([torch.stack([(T0 * p @ s.T).amax(dim=0).mean() for s in texts]) for p in case.patches]).T
        expected = -((share * i2t.log_softmax(dim=1)).sum() + (share * t2i.log_softmax(dim=1)).sum()) / 6
        assert fine_grained_loss(*case[:3], T0, reports=keys).item() == pytest.approx(expected.item(), abs=1e-10)

    def test_different_reports_change_nothing(self) -> None:
        case, keys = make([1, 2, 1]), torch.tensor([3, 1, 2])
        pooled = case.patches[:, 0]
        assert fine_grained_loss(*case[:3], T0, reports=keys).item() == pytest.approx(fine_grained_loss(*case[:3], T0).item(), abs=1e-12)
        shared, own = (global_loss(pooled, case.sentences, case.counts, T0, reports=k).item() for k in (keys, None))
        assert shared == pytest.approx(own, abs=1e-12)

    def test_keys_follow_from_the_words_alone(self) -> None:
        tokenizer = WordTokenizer.build(["clear lungs", "no effusion today"], TextConfig())
        first, second = ["clear lungs", "no effusion"], ["no effusion", "clear lungs"]
        keys = report_keys(tokenizer.encode([*first, *second, *first, "clear"]), torch.tensor([2, 2, 2, 1])).tolist()
        assert keys[0] == keys[2] and len(set(keys)) == 3
        elsewhere = report_keys(tokenizer.encode([*first, "no effusion today"]), [2, 1])
        assert elsewhere[0].item() == keys[0]

    def test_keys_that_do_not_fit(self) -> None:
        case = make([1, 2, 1])
        for keys in (torch.tensor([1, 2]), torch.tensor([1.0, 2.0, 3.0])):
            with pytest.raises(ConfigError, match="one whole number a film"):
                fine_grained_loss(*case[:3], T0, reports=keys)


class TestConfiguration:
    def test_legacy_is_spelled_out(self) -> None:
        config = LossConfig(variant="legacy", gaze_form="soft", gaze_alpha=0.3).spelled_out()
        assert (config.fine_grained_form, config.mapping_form, config.gaze_form) == ("legacy", "legacy", "mlce")
        assert (config.gaze_alpha, config.gaze_threshold) == (0.8, 0.0)
        assert LossConfig(mapping_form="gaze_v2").spelled_out() == LossConfig(mapping_form="gaze_v2")

    def test_unknown_names(self) -> None:
        case = make([1, 2])
        for wrong in ({"form": "hard"}, {"normalisation": "none"}):
            with pytest.raises(ConfigError, match="Choose one of"):
                gaze_loss(*case, T0, **wrong)


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_autocast_leaves_the_losses_alone(half: torch.dtype) -> None:
    """Encoders run in half precision under autocast; what they give is raised, and stays raised in the backward pass, in parts or not."""
    case = make([3, 1, 2], dtype=torch.float32)
    weight = torch.eye(6).requires_grad_()
    for at_once in (chunks.AT_ONCE, 1):
        for name, term in TERMS.items():
            with torch.autocast("cpu", dtype=half):
                embedded = case.patches @ weight
                assert embedded.dtype == half
                value = term(case._replace(patches=embedded), T0, at_once=at_once)
            outside = term(case._replace(patches=embedded.detach().float()), T0)
            assert value.dtype == torch.float32
            assert value.item() == pytest.approx(outside.item(), rel=1e-6), name
            (gradient,) = torch.autograd.grad(value, weight)
            assert gradient.dtype == torch.float32 and bool(torch.isfinite(gradient).all())
