"""Films decoded once: in memory, on disk, by several threads, and never the wrong one."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egma_core.errors import DamagedImageError, ImageError, TrainingError
from egma_core.examples import films
from egma_core.examples.batch import PictureShape
from egma_core.examples.config import DataConfig
from egma_core.examples.films import FilmCache, PictureFolder
from egma_core.examples.loader import ExampleLoader
from egma_core.examples.manifest import Manifest
from egma_core.model.config import TextConfig
from egma_core.model.tokens import WordTokenizer


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every film that is decoded in this process, as it happens."""
    paths: list[Path] = []
    read_image = films.read_image

    def counted(path: Path, *, frame: int) -> Any:
        paths.append(path)
        return read_image(path, frame=frame)

    monkeypatch.setattr(films, "read_image", counted)
    return paths


def passes(manifest: Manifest, n: int, data: DataConfig) -> None:
    tokenizer = WordTokenizer.build(["a mark"], TextConfig())
    loader = ExampleLoader(
        manifest, "train", data=data, shape=PictureShape(32, 4, 4), tokenizer=tokenizer, batch_size=6, train=True, seed=3
    )
    for epoch in range(n):
        assert sum(len(batch.ids) for batch in loader.epoch(epoch)) == 16


def test_the_second_pass_decodes_nothing(toy_manifest: Callable[..., Path], decoded: list[Path]) -> None:
    passes(Manifest.load(toy_manifest()), 3, DataConfig())
    assert len(decoded) == len(set(decoded)) == 16


def test_the_second_pass_asks_no_decoder_either(toy_manifest: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest.load(toy_manifest())
    cache = FilmCache(manifest.films, 32)
    for example in manifest.examples:
        cache.picture(example)

    def refuse(path: Path, example: Any, size_px: int) -> Any:
        raise AssertionError(f"{path.name} is kept already")

    assert all(cache.picture(example, refuse).any() for example in manifest.examples)


def test_what_does_not_fit_into_memory_is_decoded_again(toy_manifest: Callable[..., Path], decoded: list[Path]) -> None:
    manifest = Manifest.load(toy_manifest())
    passes(manifest, 2, DataConfig(memory_mb=0))
    assert len(decoded) == 32
    bounded = FilmCache(manifest.films, 512, DataConfig(memory_mb=1))
    for _ in range(2):
        for example in manifest.of("train"):
            bounded.picture(example)
    assert len(decoded) - 32 == 16 + 12, "four pictures of 512 px fill a megabyte"


def test_pictures_on_disk_serve_later_runs_whatever_memory_holds(
    toy_manifest: Callable[..., Path], decoded: list[Path], tmp_path: Path
) -> None:
    manifest = Manifest.load(toy_manifest())
    data = DataConfig(memory_mb=0, cache_folder=str(tmp_path / "kept"))
    passes(manifest, 2, data)
    assert len(decoded) == 16
    for example in manifest.of("train"):
        manifest.film_path(example).unlink()
    passes(manifest, 1, data)
    assert len(decoded) == 16
    fresh, kept = FilmCache(manifest.films, 32, data), FilmCache(manifest.films, 32)
    validation = manifest.of("validation")[0]
    assert np.array_equal(fresh.picture(validation), kept.picture(validation))
    assert np.array_equal(fresh.picture(validation), kept.picture(validation)), "read back from disk"
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_damaged_picture_on_disk_is_made_again(toy_manifest: Callable[..., Path], decoded: list[Path], tmp_path: Path) -> None:
    manifest = Manifest.load(toy_manifest())
    data = DataConfig(cache_folder=str(tmp_path / "kept"))
    example = manifest.examples[0]
    picture = FilmCache(manifest.films, 32, data).picture(example)
    (file,) = (tmp_path / "kept").rglob("*.grey")
    for damage in (b"", file.read_bytes()[:-5], file.read_bytes() + b"\0", b"\1" + file.read_bytes()[1:]):
        file.write_bytes(damage)
        before = len(decoded)
        assert np.array_equal(FilmCache(manifest.films, 32, data).picture(example), picture)
        assert len(decoded) == before + 1


def test_pictures_of_other_sizes_are_kept_apart(tmp_path: Path) -> None:
    PictureFolder(tmp_path, 8).write("ab" * 32, np.ones((8, 8), np.uint8))
    assert PictureFolder(tmp_path, 16).read("ab" * 32) is None
    kept = PictureFolder(tmp_path, 8).read("ab" * 32)
    assert kept is not None
    assert kept.tolist() == np.ones((8, 8)).tolist()
    assert PictureFolder(tmp_path, 8).read("cd" * 32) is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"folder for decoded films, .*cannot be written"):
        PictureFolder(tmp_path / "file", 8).write("ab" * 32, np.ones((8, 8), np.uint8))


def test_threads_that_want_one_film_decode_it_once(toy_manifest: Callable[..., Path], decoded: list[Path]) -> None:
    manifest = Manifest.load(toy_manifest())
    example = manifest.examples[0]
    other_reading = dataclasses.replace(example, id="another")
    cache = FilmCache(manifest.films, 32)
    together = threading.Barrier(4)

    def ask(one: Any) -> np.ndarray:
        together.wait()
        return cache.picture(one)

    with ThreadPoolExecutor(4) as threads:
        pictures = list(threads.map(ask, [example, other_reading] * 2))
    assert len(decoded) == 1
    assert all(picture is pictures[0] for picture in pictures)


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
