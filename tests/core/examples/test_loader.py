"""Batches: film and gaze together, the same whatever the order, and no film decoded twice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import egma_core.examples.loader as loader_module
from egma_core.errors import DamagedImageError, ImageError
from egma_core.examples.config import DataConfig
from egma_core.examples.loader import ExampleLoader, FilmCache, PictureShape
from egma_core.examples.manifest import ExampleSentence, Manifest
from egma_core.examples.splits import hash_fraction
from egma_core.model.config import TextConfig
from egma_core.model.preprocess import MEAN, STANDARD_DEVIATION
from egma_core.model.tokens import WordTokenizer

SHAPE = PictureShape(32, 4, 4)
TOKENIZER = WordTokenizer.build(["a mark in the upper lower left right corner no elsewhere"], TextConfig())


def make_loader(manifest: Manifest, **changes: Any) -> ExampleLoader:
    settings: dict[str, Any] = {
        "split": "train",
        "data": DataConfig(),
        "shape": SHAPE,
        "tokenizer": TOKENIZER,
        "batch_size": 6,
        "train": True,
        "seed": 3,
    }
    return ExampleLoader(manifest, **{**settings, **changes})


def test_a_batch_has_the_shapes_and_contents_that_the_losses_expect(toy_manifest: Callable[..., Path]) -> None:
    manifest = Manifest.load(toy_manifest())
    batch = next(make_loader(manifest, train=False).epoch(0))
    assert batch.pixels.shape == (6, 1, 32, 32)
    assert batch.pixels.dtype == torch.float32
    assert batch.counts.tolist() == [2] * 6
    assert batch.gaze.shape == (12, 16)
    assert batch.has_gaze.tolist() == [True, False] * 6
    assert batch.gaze[0].max() == 1.0
    assert batch.gaze[1].max() == 0.0
    assert batch.ids == tuple(e.id for e in manifest.of("train")[:6])
    assert len(batch.tokens) == 12


def test_pictures_are_the_films_normalised(toy_manifest: Callable[..., Path]) -> None:
    batch = next(make_loader(Manifest.load(toy_manifest()), train=False).epoch(0))
    tones = batch.pixels[:, 0] * STANDARD_DEVIATION + MEAN
    for i, (x, y) in enumerate([(6, 6), (26, 6), (6, 26), (26, 26)]):
        assert tones[i, y - 2 : y + 2, x - 2 : x + 2].mean() > 0.7
        assert tones[i].median() < 0.3


def test_gaze_stays_on_the_mark_when_both_are_shifted(toy_manifest: Callable[..., Path]) -> None:
    """On a grid as fine as the picture, the most looked-at cell lies on the bright mark, in every variation."""
    manifest = Manifest.load(toy_manifest())
    loader = make_loader(manifest, shape=PictureShape(32, 32, 32), data=DataConfig(shift=0.2, brightness=0.0))
    seen = set()
    for epoch in range(4):
        for batch in loader.epoch(epoch):
            tones = (batch.pixels[:, 0] * STANDARD_DEVIATION + MEAN).reshape(len(batch.ids), -1)
            peak = batch.gaze[::2].argmax(dim=1)
            assert bool((tones.gather(1, peak[:, None]) > 0.6).all())
            seen |= set(peak.tolist())
    assert len(seen) > 40


def test_batches_do_not_depend_on_order_or_company(toy_manifest: Callable[..., Path]) -> None:
    manifest = Manifest.load(toy_manifest())
    loader = make_loader(manifest)
    together = loader.batch(manifest.of("train")[:5], epoch=2)
    alone = loader.batch([manifest.of("train")[4]], epoch=2)
    assert torch.equal(together.pixels[4:], alone.pixels)
    assert torch.equal(together.gaze[8:], alone.gaze)
    other = loader.batch([manifest.of("train")[4]], epoch=3)
    assert not torch.equal(other.pixels, alone.pixels)
    assert not torch.equal(make_loader(manifest, seed=4).batch([manifest.of("train")[4]], epoch=2).pixels, alone.pixels)


def test_a_pass_shows_every_example_once_in_an_order_of_its_own(toy_manifest: Callable[..., Path]) -> None:
    loader = make_loader(Manifest.load(toy_manifest()))
    passes = [[batch.ids for batch in loader.epoch(epoch)] for epoch in (0, 1, 0)]
    assert passes[0] == passes[2]
    assert passes[0] != passes[1]
    assert [len(ids) for ids in passes[0]] == [6, 5, 5]
    assert len(loader) == 3
    assert sorted(sum(passes[1], ())) == [f"ex{i:03d}" for i in range(16)]
    assert [batch.ids for batch in loader.epoch(1, first=2)] == passes[1][2:]


def test_the_second_pass_decodes_nothing(toy_manifest: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[Path] = []

    def counted(path: Path, *, frame: int) -> Any:
        decoded.append(path)
        return read_image(path, frame=frame)

    read_image = loader_module.read_image
    monkeypatch.setattr(loader_module, "read_image", counted)
    manifest = Manifest.load(toy_manifest())
    loader = make_loader(manifest)
    for epoch in range(3):
        for _ in loader.epoch(epoch):
            pass
    assert len(decoded) == len(set(decoded)) == 16


def test_smaller_shares_of_gaze_are_nested_and_by_patient(toy_manifest: Callable[..., Path]) -> None:
    manifest = Manifest.load(toy_manifest())

    def with_gaze(share: float) -> set[str]:
        loader = make_loader(manifest, data=DataConfig(gaze_share=share), batch_size=16)
        batch = next(loader.epoch(0))
        return {name for name, has in zip(batch.ids, batch.has_gaze[::2].tolist(), strict=True) if has}

    shares = [with_gaze(share) for share in (0.0, 0.25, 0.5, 1.0)]
    assert shares[0] == set()
    assert shares[0] < shares[1] < shares[2] < shares[3]
    assert shares[2] == {e.id for e in manifest.of("train") if hash_fraction(e.patient, "gaze share", 3) < 0.5}
    unused = make_loader(manifest, data=DataConfig(gaze_share=0.0), train=False)
    assert next(unused.epoch(0)).has_gaze.any()


def test_long_reports_are_cut_to_sentences_drawn_anew(toy_manifest: Callable[..., Path]) -> None:
    manifest = Manifest.load(toy_manifest())
    words = ("a", "mark", "in", "the", "upper", "left", "right", "corner")
    long = dataclasses.replace(manifest.examples[0], sentences=tuple(ExampleSentence(word, "typed") for word in words))
    manifest = dataclasses.replace(manifest, examples=(long,))
    data = DataConfig(max_sentences=3)
    loader = make_loader(manifest, data=data)
    drawn = {tuple(loader.batch([long], epoch).tokens.ids[:, 0].tolist()) for epoch in range(10)}
    assert len(drawn) > 3
    order = TOKENIZER.encode(words).ids[:, 0].tolist()
    for ids in drawn:
        assert len(ids) == 3
        assert sorted(ids, key=order.index) == list(ids)
    fixed = make_loader(manifest, data=data, train=False).batch([long], 0)
    assert fixed.tokens.ids[:, 0].tolist() == order[:3]


def test_a_split_without_examples_has_no_batches(toy_manifest: Callable[..., Path]) -> None:
    loader = make_loader(Manifest.load(toy_manifest()), split="test")
    assert len(loader) == 0
    assert list(loader.epoch(0)) == []


def test_a_film_that_is_gone_or_changed_is_refused(toy_manifest: Callable[..., Path]) -> None:
    manifest = Manifest.load(toy_manifest())
    first, second = manifest.examples[:2]
    path = manifest.film_path(first)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(DamagedImageError, match=r"0\.dcm was changed"):
        FilmCache(manifest.films, 32).picture(first)
    manifest.film_path(second).unlink()
    with pytest.raises(ImageError, match=r"1\.dcm cannot be read"):
        FilmCache(manifest.films, 32).picture(second)


def test_a_picture_of_the_cache_is_eight_bits_deep(toy_manifest: Callable[..., Path]) -> None:
    manifest = Manifest.load(toy_manifest())
    picture = FilmCache(manifest.films, 32).picture(manifest.examples[0])
    assert picture.dtype == np.uint8
    assert picture.shape == (32, 32)
