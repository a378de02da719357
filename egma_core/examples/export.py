"""From a library to a manifest: one example for each film of each reading, and origins that never mix unasked."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from egma_core.alignment.maps import SentenceGazeMap
from egma_core.errors import InterchangeError
from egma_core.examples.manifest import Example, ExampleSentence, GazeComponents, Manifest
from egma_core.examples.splits import Split, splits_of
from egma_core.interchange.release import Passage, readers_who_refuse, reading_passages, report_passages, require_innocent
from egma_core.processing import is_current
from egma_core.speech.sentences import Sentence, normalise_sentence
from egma_core.store.store import Store
from egma_core.store.values import InstanceEntry, ReadingEntry, StudyEntry

USED_STATES = ("complete", "recovered")
"""Readings that count: signed off, or kept after a crash."""


@dataclass(frozen=True)
class _Material:
    """One reading with what was derived from it; without a reading, the sentences that came with the study."""

    study: StudyEntry
    reading: ReadingEntry | None
    sentences: tuple[Sentence, ...]
    maps: tuple[SentenceGazeMap, ...]
    recipe_hash: str

    @property
    def gaze_origin(self) -> str:
        """Origin of its gaze, or "" where no sentence has any."""
        return self.reading.gaze_origin if self.reading is not None and self.maps else ""


def export_examples(
    store: Store,
    out: Path,
    *,
    recipe_hash: str | None = None,
    gaze_origins: Sequence[str] | None = None,
    text_origins: Sequence[str] | None = None,
    skip_unprocessed: bool = False,
    allow_text: bool = False,
    seed: int = 0,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
) -> Manifest:
    """Write the library's examples as a manifest.

    A complete or recovered reading gives one example for each film that it has gaze on, with all its sentences; one
    without any gaze gives one for each film of its study. A study that no used reading has words for gives the sentences
    that came with it (from its labels or its report), without gaze. Readings of readers who refused or withdrew their
    consent stay in the library.

    Args:
        store: The library; its readings must have been processed.
        out: The manifest's file.
        recipe_hash: Use gaze derived by this recipe; None takes each reading's latest, which must be one and the same.
        gaze_origins: Use only readings whose gaze has one of these origins (readings without gaze always stay); None
            takes all, if they are of one origin.
        text_origins: Use only sentences of these origins; None takes all, if they are of one origin.
        skip_unprocessed: Leave out readings without derived gaze, or that changed since, instead of refusing them.
        allow_text: Take sentences that may tell who somebody is, instead of refusing; for when a person has looked at
            them, or the manifest does not leave the library's own machine.
        seed: Seed of the split by patient.
        fractions: Expected shares of train, validation and test.

    Raises:
        InterchangeError: There is nothing to export, readings were not processed, changed since, or were processed by
            different recipes, several origins are present and none were chosen, or the studies' own splits leak.
        PrivacyError: A sentence may tell who somebody is.
    """
    studies = {study.id: study for study in store.studies()}
    read = list(_readings(store, studies, recipe_hash, skip_unprocessed))
    _refuse_mixture("gaze", "readings", Counter(m.gaze_origin for m in read if m.gaze_origin), gaze_origins)
    read = [m for m in read if not m.gaze_origin or gaze_origins is None or m.gaze_origin in gaze_origins]
    materials = [*read, *_reports(store, studies, {m.study.id for m in read if _chosen(m.sentences, text_origins)})]
    _refuse_mixture("words", "sentences", Counter(s.origin for m in materials for s in m.sentences), text_origins)
    used_hash = _one_recipe(materials)
    if not allow_text:
        require_innocent(p for m in materials for p in _passages(m, text_origins))
    splits = splits_of(((s.patient, s.split) for s in studies.values()), seed, fractions)
    readers = {reader.name: f"reader-{reader.id}" for reader in store.readers()}
    examples = [e for m in materials for e in _examples(m, store.files, splits[m.study.patient], readers, text_origins)]
    if not examples:
        raise InterchangeError(
            "There is nothing to export: no reading or film with sentences was found.", "Record readings, or import labels."
        )
    manifest = Manifest(store.files, tuple(sorted(examples, key=lambda e: e.id)), used_hash, seed)
    manifest.save(out)
    return manifest


def _readings(store: Store, studies: Mapping[int, StudyEntry], recipe_hash: str | None, skip_unprocessed: bool) -> Iterator[_Material]:
    unprocessed = changed = 0
    refusing = readers_who_refuse(store)
    for reading in store.readings(states=USED_STATES):
        if reading.reader in refusing:
            continue
        derivation = store.derivation(reading.id, recipe_hash)
        if derivation is None or not is_current(store, derivation):
            unprocessed, changed = unprocessed + (derivation is None), changed + (derivation is not None)
            continue
        sentences = tuple(s for s in store.sentences(reading.id) if normalise_sentence(s.text))
        maps = tuple(m for m in derivation.maps if m.gaze_valid)
        yield _Material(studies[reading.study.study_id], reading, sentences, maps, derivation.recipe_hash)
    if unprocessed and not skip_unprocessed:
        wanted = "not been processed" if recipe_hash is None else f"not been processed by recipe {recipe_hash[:12]}"
        raise InterchangeError(
            f"{unprocessed} readings have {wanted}, so their gaze is unknown.",
            "Run egma process, or leave them out with skip_unprocessed (--skip-unprocessed).",
        )
    if changed and not skip_unprocessed:
        raise InterchangeError(
            f"The words, the accuracy or the correction of {changed} readings changed after they were processed.",
            "Run egma process again, or leave them out with skip_unprocessed (--skip-unprocessed).",
        )


def _reports(store: Store, studies: Mapping[int, StudyEntry], with_words: set[int]) -> Iterator[_Material]:
    for study in studies.values():
        if study.id not in with_words:
            report = tuple(Sentence(s.text, 0.0, 0.0, s.origin) for s in store.report(study.id) if normalise_sentence(s.text))
            if report:
                yield _Material(study, None, report, (), "")


def _passages(material: _Material, text_origins: Sequence[str] | None) -> Iterator[Passage]:
    """The sentences of a material that become examples."""
    if material.reading is not None:
        return reading_passages(material.reading.id, material.sentences, text_origins)
    return report_passages(material.study.id, material.sentences, text_origins)


def _refuse_mixture(kind: str, things: str, counts: Counter[str], chosen: Sequence[str] | None) -> None:
    options = {"gaze": "gaze_origins (--gaze-origin)", "words": "text_origins (--text-origin)"}
    if chosen is None and len(counts) > 1:
        listed = ", ".join(f"{origin} ({n} {things})" for origin, n in sorted(counts.items()))
        raise InterchangeError(
            f"The library holds {kind} of several origins: {listed}.",
            f"Choose one, or several to mix them on purpose, with {options[kind]}.",
        )
    unknown = sorted(set(chosen or ()) - set(counts))
    if unknown:
        listed = ", ".join(sorted(counts)) or "none"
        raise InterchangeError(f"The library holds no {kind} of origin {unknown[0]}.", f"Present: {listed}.")


def _one_recipe(materials: Iterable[_Material]) -> str:
    counts = Counter(m.recipe_hash for m in materials if m.maps)
    if len(counts) > 1:
        listed = ", ".join(f"{name[:12]} ({n} readings)" for name, n in counts.most_common())
        raise InterchangeError(
            f"The readings' gaze was derived by different recipes: {listed}.", "Run egma process for all of them, or choose a recipe."
        )
    return next(iter(counts), "")


def _chosen(sentences: Sequence[Sentence], origins: Sequence[str] | None) -> tuple[Sentence, ...]:
    return tuple(s for s in sentences if origins is None or s.origin in origins)


def _examples(
    material: _Material, files: Path, split: Split, readers: Mapping[str, str], text_origins: Sequence[str] | None
) -> Iterator[Example]:
    sentences = _chosen(material.sentences, text_origins)
    if not sentences:
        return
    looked_at = {m.instance_uid for m in material.maps}
    source = material.reading.uid if material.reading is not None else "report"
    for film in material.study.instances:
        if looked_at and film.instance_uid not in looked_at:
            continue
        with_gaze = tuple(ExampleSentence(s.text, s.origin, _components(material.maps, s, film)) for s in sentences)
        yield Example(
            id=hashlib.sha256(f"{source} {film.instance_uid}".encode()).hexdigest()[:16],
            patient=material.study.patient,
            reader=readers[material.reading.reader] if material.reading is not None else "",
            film=film.path.relative_to(files).as_posix(),
            sha256=film.sha256,
            image_shape=(film.rows, film.columns),
            labels=material.study.labels,
            split=split,
            gaze_origin=material.gaze_origin if any(s.gaze is not None for s in with_gaze) else "",
            sentences=with_gaze,
        )


def _components(maps: Sequence[SentenceGazeMap], sentence: Sentence, film: InstanceEntry) -> GazeComponents | None:
    for m in maps:
        if m.is_of(sentence) and m.instance_uid == film.instance_uid:
            return GazeComponents(m.x_px, m.y_px, m.sigma_px, m.weight_s, m.visible)
    return None
