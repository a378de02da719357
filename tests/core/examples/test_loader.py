"""Batches: film and gaze together, the same whatever the order, and no film decoded twice."""

from __future__ import annotations

import dataclasses
import gc
import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from egma_core.dicom.reader import read_image
from egma_core.errors import DamagedImageError, TrainingError
from egma_core.examples.batch import Batch, PictureShape
from egma_core.examples.config import DataConfig
from egma_core.examples.loader import ExampleLoader
from egma_core.examples.manifest import ExampleSentence, Manifest
from egma_core.examples.splits import hash_fraction
from egma_core.model.config import TextConfig
from egma_core.model.preprocess import MEAN, STANDARD_DEVIATION, prepare
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


def test_an_unvaried_picture_is_the_very_one_that_a_prediction_sees(toy_manifest: Callable[..., Path]) -> None:
    manifest = Manifest.load(toy_manifest())
    batch = next(make_loader(manifest, train=False).epoch(0))
    for pixels, example in zip(batch.pixels, manifest.of("train"), strict=False):
        assert torch.equal(pixels, torch.from_numpy(prepare(read_image(manifest.film_path(example)), 32).pixels))


def test_pictures_are_the_films_normalised(toy_manifest: Callable[..., Path]) -> None:
    batch = next(make_loader(Manifest.load(toy_manifest()), train=False).epoch(0))
    tones = batch.pixels[:, 0] * STANDARD_DEVIATION + MEAN
    for i, (x, y) in enumerate([(6, 6), (26, 6), (6, 26), (26, 26)]):
        assert tones[i, y - 2 : y + 2, x - 2 : x + 2].mean() > 0.7
        assert tones[i].median() < 0.3


def test_gaze_stays_on_the_mark_when_both_are_varied(toy_manifest: Callable[..., Path]) -> None:
    """On a grid as fine as the picture, the most looked-at cell lies on the bright mark, in every variation of size and place."""
    manifest = Manifest.load(toy_manifest())
    loader = make_loader(manifest, shape=PictureShape(32, 32, 32), data=DataConfig(shift=0.2, scale=0.2, flip=0.5, brightness=0.0))
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


def same(one: Batch, other: Batch) -> bool:
    pairs = [(one.pixels, other.pixels), (one.tokens.ids, other.tokens.ids), (one.tokens.mask, other.tokens.mask)]
    pairs += [(one.counts, other.counts), (one.gaze, other.gaze), (one.has_gaze, other.has_gaze)]
    pairs += list(zip(one.finer_gaze, other.finer_gaze, strict=True))
    return one.ids == other.ids and all(torch.equal(a, b) for a, b in pairs)


def joined(parts: list[Batch]) -> Batch:
    return Batch(
        torch.cat([p.pixels for p in parts]),
        dataclasses.replace(parts[0].tokens, ids=torch.cat([p.tokens.ids for p in parts]), mask=torch.cat([p.tokens.mask for p in parts])),
        torch.cat([p.counts for p in parts]),
        torch.cat([p.gaze for p in parts]),
        torch.cat([p.has_gaze for p in parts]),
        sum((p.ids for p in parts), ()),
        tuple(torch.cat(level) for level in zip(*(p.finer_gaze for p in parts), strict=True)),
    )


def mixed(manifest: Manifest) -> Manifest:
    """Readings of one to four sentences, the gaze of every third film taken away."""
    examples = []
    for i, example in enumerate(manifest.examples):
        named, absent = example.sentences
        sentences = [named, absent, *[dataclasses.replace(absent, text="no mark " * (k + 1)) for k in range(i % 3)]][: 1 + i % 4]
        if i % 3 == 0:
            sentences = [dataclasses.replace(s, gaze=None) for s in sentences]
        examples.append(dataclasses.replace(example, sentences=tuple(sentences)))
    return dataclasses.replace(manifest, examples=tuple(examples))


@pytest.mark.parametrize("world", [2, 3, 5])
def test_the_processes_of_a_run_share_exactly_the_batches_of_one(toy_manifest: Callable[..., Path], world: int) -> None:
    manifest = mixed(Manifest.load(toy_manifest()))
    shape = PictureShape(32, 2, 2, finer=((4, 4), (8, 8)))
    whole = list(make_loader(manifest, shape=shape).epoch(1))
    ranks = [list(make_loader(manifest, shape=shape, rank=rank, world=world).epoch(1)) for rank in range(world)]
    for batch, *parts in zip(whole, *ranks, strict=True):
        assert same(joined(parts), batch)
        assert max(len(p.ids) for p in parts) - min(len(p.ids) for p in parts) <= 1


def test_more_processes_than_films_in_a_batch_are_refused(toy_manifest: Callable[..., Path]) -> None:
    manifest = Manifest.load(toy_manifest())
    with pytest.raises(TrainingError, match="6 processes cannot share a batch of 5 films"):
        make_loader(manifest, rank=0, world=6)
    assert len(make_loader(manifest, split="test", rank=0, world=6)) == 0


def test_the_parts_of_a_batch_make_up_the_whole(toy_manifest: Callable[..., Path]) -> None:
    manifest = mixed(Manifest.load(toy_manifest()))
    batch = next(make_loader(manifest, shape=PictureShape(32, 4, 4, finer=((8, 8),))).epoch(0))
    assert len(set(batch.counts.tolist())) > 1
    cuts = [0, 1, 3, 6]
    parts = [batch.part(start, stop) for start, stop in itertools.pairwise(cuts)]
    assert [len(p.ids) for p in parts] == [1, 2, 3]
    assert same(joined(parts), batch)
    assert same(batch.part(0, 6), batch)
    for start, stop in ((-1, 2), (2, 2), (3, 7)):
        with pytest.raises(TrainingError, match="A batch of 6 films has no part"):
            batch.part(start, stop)


def test_a_mixed_batch_says_which_sentences_have_gaze(toy_manifest: Callable[..., Path]) -> None:
    manifest = mixed(Manifest.load(toy_manifest()))
    batch = make_loader(manifest, train=False).batch(manifest.of("train"), 0)
    expected = [s.gaze is not None for e in manifest.of("train") for s in e.sentences]
    assert batch.has_gaze.tolist() == expected
    assert 0 < sum(expected) < len(expected)
    assert torch.equal(batch.gaze.amax(dim=1) == 1.0, batch.has_gaze)


def test_a_batch_without_any_gaze_is_a_batch(toy_manifest: Callable[..., Path]) -> None:
    batch = next(make_loader(Manifest.load(toy_manifest(gaze=False)), shape=PictureShape(32, 4, 4, ((8, 8),))).epoch(0))
    assert not batch.has_gaze.any()
    assert batch.gaze.shape == (12, 16)
    assert not batch.gaze.any()
    assert batch.finer_gaze[0].shape == (12, 64)


@pytest.mark.parametrize("train", [True, False])
def test_workers_change_nothing_but_who_does_the_work(toy_manifest: Callable[..., Path], train: bool) -> None:
    manifest = mixed(Manifest.load(toy_manifest()))
    shape = PictureShape(32, 4, 4, finer=((8, 8),))

    def batches(workers: int) -> list[Batch]:
        data = DataConfig(workers=workers, scale=0.1, flip=0.3, max_sentences=2, gaze_control="shuffled")
        loader = make_loader(manifest, data=data, shape=shape, train=train, batch_size=3)
        return [*loader.epoch(0), *loader.epoch(1, first=2)]

    alone = batches(0)
    for workers in (1, 2):
        assert all(same(a, b) for a, b in zip(alone, batches(workers), strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_film_that_cannot_be_decoded_stops_the_pass_where_it_would_be(
    toy_manifest: Callable[..., Path], nothing_left: Callable[[], bool], workers: int
) -> None:
    manifest = Manifest.load(toy_manifest())
    manifest.film_path(manifest.of("train")[7]).write_bytes(b"no film")
    passing = make_loader(manifest, data=DataConfig(workers=workers), train=False).epoch(0)
    assert len(next(passing).ids) == 6
    with pytest.raises(DamagedImageError, match=r"7\.dcm was changed after it was exported") as caught:
        next(passing)
    assert caught.value.remedy == "Export the examples again."
    assert nothing_left()


def test_a_pass_that_is_left_early_leaves_nothing_behind(toy_manifest: Callable[..., Path], nothing_left: Callable[[], bool]) -> None:
    loader = make_loader(Manifest.load(toy_manifest()), data=DataConfig(workers=2), batch_size=2)
    for batch in loader.epoch(0):
        assert len(batch.ids) == 2
        assert not nothing_left()
        break
    assert nothing_left()
    assert len(list(loader.epoch(0))) == 8
    assert nothing_left()


@pytest.fixture
def nothing_left() -> Callable[[], bool]:
    """Tells whether the threads and processes are those of the test's beginning; processes where the system lists them."""

    def living() -> set[object]:
        tasks = Path("/proc/self/task")
        found = (path.read_text().split() for path in tasks.glob("*/children")) if tasks.is_dir() else ()
        return {*threading.enumerate(), *itertools.chain.from_iterable(found)}

    before = living()
    return lambda: gc.collect() >= 0 and living() <= before
