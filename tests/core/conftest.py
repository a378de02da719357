"""A toy problem for rooms that train and evaluate: a bright mark in one corner of a small film, named and looked at."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from egma_core.dicom.writer import FilmTags, write_film
from egma_core.examples.manifest import Example, ExampleSentence, GazeComponents, Manifest
from egma_core.examples.splits import Split

SIDE = 64
CORNERS = {"upper left": (12, 12), "upper right": (52, 12), "lower left": (12, 52), "lower right": (52, 52)}
ABSENT = "no mark elsewhere"


def _film(path: Path, corner: str, seed: int) -> str:
    random = np.random.default_rng(seed)
    pixels = random.integers(40, 80, (SIDE, SIDE))
    x, y = CORNERS[corner]
    pixels[y - 6 : y + 6, x - 6 : x + 6] += 140
    return write_film(path, pixels.astype(np.uint8), FilmTags(f"P{seed}", f"1.2.{seed}", f"1.2.{seed}.1", f"1.2.{seed}.1.1"))


def _gaze(corner: str, seed: int) -> GazeComponents:
    random = np.random.default_rng((seed, 1))
    x, y = (random.normal(centre, 3.0, 4) for centre in CORNERS[corner])
    return GazeComponents(x, y, np.full(4, 4.0), random.uniform(0.1, 0.5, 4), np.tile([0.0, 0.0, SIDE, SIDE], (4, 1)))


@pytest.fixture
def toy_manifest(tmp_path: Path, toy_manifest_in: Callable[..., Path]) -> Callable[..., Path]:
    """`toy_manifest_in` for this test's folder."""
    return partial(toy_manifest_in, tmp_path)


@pytest.fixture(scope="session")
def toy_manifest_in() -> Callable[..., Path]:
    """In a folder, make `n` training and some other films with a mark, sentences and gaze, and a manifest; return its path."""

    def make(folder: Path, n: int = 16, n_validation: int = 8, n_test: int = 0, *, gaze: bool = True) -> Path:
        films = folder / "films"
        films.mkdir()
        splits: list[Split] = ["train"] * n + ["validation"] * n_validation + ["test"] * n_test
        examples: list[Example] = []
        for seed, split in enumerate(splits):
            corner = list(CORNERS)[seed % 4]
            digest = _film(films / f"{seed}.dcm", corner, seed)
            sentences = (
                ExampleSentence(f"a mark in the {corner} corner", "simulated", _gaze(corner, seed) if gaze else None),
                ExampleSentence(ABSENT, "simulated"),
            )
            origin = "simulated" if gaze else ""
            examples.append(
                Example(f"ex{seed:03d}", f"P{seed}", "reader-1", f"{seed}.dcm", digest, (SIDE, SIDE), (corner,), split, origin, sentences)
            )
        path = folder / "manifest.json"
        Manifest(films, tuple(examples), "toy").save(path)
        return path

    return make
