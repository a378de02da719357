"""What a run would be trained on: examples, patients, splits, where gaze and words came from, and the choice between origins."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from egma_core.examples.export import USED_STATES, export_examples
from egma_core.examples.manifest import Manifest
from egma_core.examples.splits import SPLITS
from egma_core.processing import process_all
from egma_core.store.store import Store
from egma_core.store.values import Changes


@dataclass(frozen=True)
class Origins:
    """Which origins a library holds, or a person chose.

    Attributes:
        gaze: Origins of gaze.
        words: Origins of sentences.
    """

    gaze: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Survey:
    """Where a library's gaze and words come from.

    Attributes:
        gaze: Readings by origin of their gaze.
        words: Readings (or studies that nobody read) by origin of their sentences.
    """

    gaze: Counter[str]
    words: Counter[str]


@dataclass(frozen=True)
class Summary:
    """A data set in numbers.

    Attributes:
        examples: Examples in all.
        patients: Patients in all.
        sentences: Sentences in all.
        with_gaze: Sentences that have gaze.
        splits: (split, examples, patients) of each split.
        gaze: Examples by origin of their gaze.
        words: Sentences by origin.
        films_without: Films of the library that no sentence belongs to.
    """

    examples: int
    patients: int
    sentences: int
    with_gaze: int
    splits: tuple[tuple[str, int, int], ...]
    gaze: Counter[str]
    words: Counter[str]
    films_without: int

    def examples_in(self, split: str) -> int:
        """Examples of one split."""
        return next(n for name, n, _ in self.splits if name == split)


def survey(store: Store) -> Survey:
    """Count a library's readings and reports by origin.

    Raises:
        StoreError: The library cannot be read.
    """
    readings = store.readings(states=USED_STATES)
    gaze = Counter(reading.gaze_origin for reading in readings if reading.n_samples)
    words = Counter(origin for reading in readings for origin in reading.text_origins)
    read = {reading.study.study_id for reading in readings if reading.n_sentences}
    for study in store.studies():
        if study.id not in read:
            words.update({sentence.origin for sentence in store.report(study.id)})
    return Survey(gaze, words)


def derive_missing(store: Store, progress: Callable[[int, int], None]) -> Changes:
    """Work out fixations and gaze maps of the readings that have none yet.

    Raises:
        StoreError: The library cannot be read or written.
    """
    report = process_all(store, progress=progress)
    return Changes(frozenset({"derivation"} if report.processed else ()))


def export(store: Store, out: Path, chosen: Origins) -> Manifest:
    """Write the manifest of a data set; no chosen origins stand for the only one there is.

    Raises:
        InterchangeError: There is nothing to export, or a mixture was not chosen.
        StoreError: The library cannot be read.
    """
    # A run trains on the machine that has the library, so its sentences are not looked through for names.
    return export_examples(store, out, gaze_origins=chosen.gaze or None, text_origins=chosen.words or None, allow_text=True)


def summarise(store: Store, chosen: Origins) -> Summary:
    """The data set that `export` would write.

    Raises:
        InterchangeError: There is nothing to export, or a mixture was not chosen.
        StoreError: The library cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="egma-") as folder:
        manifest = export(store, Path(folder) / "manifest.json", chosen)
    used = {example.film for example in manifest.examples}
    films = {film.path.relative_to(store.files).as_posix() for study in store.studies() for film in study.instances}
    sentences = [sentence for example in manifest.examples for sentence in example.sentences]
    return Summary(
        examples=len(manifest.examples),
        patients=len({example.patient for example in manifest.examples}),
        sentences=len(sentences),
        with_gaze=sum(sentence.gaze is not None for sentence in sentences),
        splits=tuple((split, *_size(manifest, split)) for split in SPLITS),
        gaze=Counter(example.gaze_origin for example in manifest.examples if example.gaze_origin),
        words=Counter(sentence.origin for sentence in sentences),
        films_without=len(films - used),
    )


def _size(manifest: Manifest, split: str) -> tuple[int, int]:
    examples = [example for example in manifest.examples if example.split == split]
    return len(examples), len({example.patient for example in examples})


def needs_choice(counts: Counter[str], chosen: Sequence[str]) -> bool:
    """Whether there are several origins and none was chosen yet."""
    return len(counts) > 1 and not chosen
