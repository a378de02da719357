"""Broken films are refused, right, or said to be odd: on a few mutants of films made here."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from egma_app.bench.fuzz import CRASH, bench_fuzz
from egma_app.bench.mutants import Mutator, elements_of
from egma_core.dicom.image import Window
from egma_core.dicom.writer import FilmTags, write_film
from egma_core.errors import ConfigError


@pytest.fixture
def films(tmp_path: Path) -> Path:
    for n, kind in enumerate((np.uint8, np.uint16)):
        pixels = np.random.default_rng(n).integers(0, 256, (24, 30)).astype(kind)
        tags = FilmTags(f"P{n}", f"1.2.{n}", f"1.2.{n}.1", f"1.2.{n}.1.1", window=Window(120.0, 200.0))
        write_film(tmp_path / f"{n}.dcm", pixels, tags)
    (tmp_path / "notes.txt").write_text("no film " * 100, encoding="utf-8")
    return tmp_path


def test_no_mutant_does_harm(films: Path) -> None:
    told: list[tuple[int, int]] = []
    found = bench_fuzz(240, films, progress=lambda done, of: told.append((done, of)))
    assert told == [(n, 240) for n in range(1, 241)]
    assert found["films"] == 2 and found["mutants"] == 240
    assert found["crashes"] == found["decoders_that_hung"] == found["changed_copies_that_the_checksum_let_through"] == 0
    assert sum(found["outcomes"].values()) == 240 and found["outcomes"][CRASH] == 0
    assert found["outcomes"]["refused"] > 60 and found["outcomes"]["same picture"] > 20
    assert found["unproven"] == []
    assert found["decoder_peak_mib"] < found["memory_limit_mib"]
    again = bench_fuzz(240, films)
    assert again["outcomes_by_kind"] == found["outcomes_by_kind"]


def test_a_folder_without_films_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no film below"):
        bench_fuzz(10, tmp_path)


def test_mutants_are_of_every_kind_and_say_what_they_touched(films: Path) -> None:
    content = (films / "1.dcm").read_bytes()
    elements = elements_of(content)
    pixels = elements[-1]
    assert pixels.tag == (0x7FE0, 0x0010) and pixels.length == 24 * 30 * 2 and str(elements[0]) == "(0002,0000)"
    mutator = Mutator(content, (1,))
    kinds = Counter[str]()
    for number in range(400):
        mutant = mutator.mutant(number)
        kinds[mutant.kind] += 1
        if mutant.where == "header":
            assert mutant.content[pixels.value_at :] == content[pixels.value_at :]
        if mutant.where == "pixels":
            assert mutant.content[: pixels.value_at] == content[: pixels.value_at]
    assert len(kinds) == 8 and min(kinds.values()) >= 40
