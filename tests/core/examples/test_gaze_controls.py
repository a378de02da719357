"""Controls: the reading's gaze is all there, but tied to the wrong sentence, or to none."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from egma_core.examples.batch import PictureShape
from egma_core.examples.config import DataConfig
from egma_core.examples.gaze import exchange, gaze_rows
from egma_core.examples.loader import ExampleLoader
from egma_core.examples.manifest import Example, ExampleSentence, GazeComponents, Manifest
from egma_core.model.config import TextConfig
from egma_core.model.tokens import WordTokenizer

TOKENIZER = WordTokenizer.build(["one two three four"], TextConfig())


def gaze(*x: float) -> GazeComponents:
    n = len(x)
    return GazeComponents(np.array(x), np.full(n, 32.0), np.full(n, 3.0), np.ones(n), np.tile([0.0, 0.0, 64.0, 64.0], (n, 1)))


def reading(*looks: GazeComponents | None, id: str = "reading") -> Example:
    words = ("one", "two", "three", "four")
    sentences = tuple(ExampleSentence(word, "typed", look) for word, look in zip(words, looks, strict=False))
    return Example(id, "P", "R", "0.dcm", "0" * 64, (64, 64), (), "train", "simulated", sentences)


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers(0, 1000))
def test_an_exchange_is_a_permutation_that_leaves_no_gaze_where_it_was(has_gaze: list[bool], seed: int) -> None:
    source = exchange(np.array(has_gaze), np.random.default_rng(seed))
    assert sorted(source) == list(range(len(has_gaze)))
    stays = [i for i, j in enumerate(source) if i == j and has_gaze[i]]
    assert not stays or has_gaze == [True]
    if sum(has_gaze) != 1:
        assert [has_gaze[j] for j in source] == has_gaze, "whether a sentence has gaze does not change"


def test_every_exchange_of_three_is_drawn() -> None:
    random = np.random.default_rng(0)
    drawn = {tuple(exchange(np.array([True] * 3), random)) for _ in range(50)}
    assert drawn == {(1, 2, 0), (2, 0, 1)}


def test_shuffled_gaze_is_drawn_once_for_a_seed_and_a_reading() -> None:
    looks = gaze(10.0), gaze(20.0), None, gaze(30.0)
    own = gaze_rows(reading(*looks))
    first = gaze_rows(reading(*looks), "shuffled", 7)
    again = gaze_rows(reading(*looks), "shuffled", 7)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(first[i], own[i]) for i in (0, 1, 3))
    assert len(first[2]) == 0
    others = {tuple(rows[0, 0] for rows in gaze_rows(reading(*looks), "shuffled", seed) if len(rows)) for seed in range(20)}
    assert others == {(20.0, 30.0, 10.0), (30.0, 10.0, 20.0)}


def test_the_whole_readings_gaze_goes_to_every_sentence() -> None:
    rows = gaze_rows(reading(gaze(10.0, 11.0), None, gaze(30.0)), "report")
    assert [r[:, 0].tolist() for r in rows] == [[10.0, 11.0, 30.0]] * 3
    assert [len(r) for r in gaze_rows(reading(None, None), "report")] == [0, 0]


def test_the_whole_readings_gaze_may_stand_in_where_a_sentence_has_none() -> None:
    one = reading(gaze(10.0, 11.0), None, gaze(30.0))
    assert [r[:, 0].tolist() for r in gaze_rows(one, fallback="report")] == [[10.0, 11.0], [10.0, 11.0, 30.0], [30.0]]
    assert [r[:, 0].tolist() for r in gaze_rows(one)] == [[10.0, 11.0], [], [30.0]]
    assert [len(r) for r in gaze_rows(reading(None, None), fallback="report")] == [0, 0]


def test_controls_hold_in_training_alone_and_in_every_pass(toy_manifest: Callable[..., Path]) -> None:
    manifest = Manifest.load(toy_manifest())
    left, right = gaze(12.0), gaze(60.0)
    examples = [
        dataclasses.replace(e, sentences=tuple(ExampleSentence(w, "typed", g) for w, g in (("one", left), ("two", right), ("three", None))))
        for e in manifest.of("train")
    ]
    manifest = dataclasses.replace(manifest, examples=tuple(examples))

    def looked(control: str, train: bool, epoch: int = 0) -> tuple[list[int], list[bool]]:
        """The column of each sentence's most looked-at cell in the first reading, 8 px wide cells, and which have gaze."""
        data = DataConfig(gaze_control=control, shift=0.0, brightness=0.0)
        shape = PictureShape(64, 1, 8, finer=((2, 8),))
        loader = ExampleLoader(manifest, "train", data=data, shape=shape, tokenizer=TOKENIZER, batch_size=16, train=train, seed=1)
        batch = loader.batch(examples, epoch)
        assert torch.equal(batch.finer_gaze[0].view(-1, 2, 8).sum(1).argmax(1), batch.gaze.argmax(1))
        return batch.gaze.argmax(dim=1).tolist()[:3], batch.has_gaze.tolist()[:3]

    assert looked("own", True) == ([1, 7, 0], [True, True, False])
    for epoch in range(3):
        assert looked("shuffled", True, epoch) == ([7, 1, 0], [True, True, False])
        assert looked("report", True, epoch)[1] == [True] * 3
    for control in ("shuffled", "report"):
        assert looked(control, False) == looked("own", True), "validation looks at what was looked at"


@pytest.mark.parametrize("control", ["own", "shuffled", "report"])
def test_gaze_that_is_not_used_is_not_used_for_a_control_either(toy_manifest: Callable[..., Path], control: str) -> None:
    manifest = Manifest.load(toy_manifest())
    data = DataConfig(gaze_share=0.0, gaze_control=control)
    loader = ExampleLoader(
        manifest, "train", data=data, shape=PictureShape(32, 4, 4), tokenizer=TOKENIZER, batch_size=8, train=True, seed=1
    )
    assert not next(loader.epoch(0)).has_gaze.any()


@given(st.integers(0, 2**31 - 1), st.lists(st.floats(0.0, 1.0), min_size=2, max_size=5))
def test_smaller_shares_of_gaze_are_subsets_of_larger_ones(seed: int, shares: list[float]) -> None:
    patients = [dataclasses.replace(reading(gaze(8.0), id=f"e{i}"), patient=f"P{i}") for i in range(30)]
    manifest = Manifest(Path("films"), tuple(patients))

    def used(share: float) -> set[str]:
        loader = ExampleLoader(
            manifest,
            "train",
            data=DataConfig(gaze_share=share),
            shape=PictureShape(32, 4, 4),
            tokenizer=TOKENIZER,
            batch_size=8,
            train=True,
            seed=seed,
        )
        return set(loader.gaze_patients)

    chosen = [used(share) for share in sorted(shares)]
    assert all(smaller <= larger for smaller, larger in itertools.pairwise(chosen))
    assert used(0.0) == set()
    assert used(1.0) == {f"P{i}" for i in range(30)}
