"""From a real library to a manifest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from egma_core.alignment.maps import SentenceGazeMap
from egma_core.errors import InterchangeError, PrivacyError
from egma_core.examples.export import export_examples
from egma_core.examples.manifest import Manifest
from egma_core.gaze.fixations import Fixations
from egma_core.gaze.samples import GazeOrigin, GazeSamples
from egma_core.geometry import Screen
from egma_core.speech.sentences import TextOrigin
from egma_core.store.store import Store
from egma_core.store.values import CaptureSessionRecord, Consent, FilmRecord, RawBatch, ReadingState, ReportSentence, SpokenSentence
from egma_core.trackers.tracker import TrackerDescription

SECOND = 1_000_000_000
SHAPE = (60, 90)
NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


class Library:
    """A store, with short ways of filling it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._studies: dict[str, int] = {}

    def film(self, name: str, patient: str, *, study: str = "", labels=(), report=(), split: str = "") -> None:
        study = study or f"study-{name}"
        record = FilmRecord(patient, study, f"series-{name}", name, "1.2", "CR", "PA", *SHAPE, 1, f"ab/{name}.dcm", name * 8, "dicom")
        self.store.add_film(record, labels=labels, report=report, split=split)
        self._studies[study] = next(s.id for s in self.store.studies() if s.study_uid == study)

    def read(
        self,
        study: str,
        sentences: list[str],
        *,
        gaze_on: dict[int, str] | None = None,
        origin: GazeOrigin = "simulated",
        text_origin: TextOrigin = "simulated",
        state: ReadingState = "complete",
        reader: str = "Dr Petra Muster",
        recipe: str | None = "r",
    ) -> int:
        """One reading; `gaze_on` says for each sentence's number on which film it has gaze."""
        reader_id = self.store.add_reader(reader).id
        assert reader_id is not None
        tracker = TrackerDescription(origin, origin, "", "", 120.0)
        session = self.store.begin_session(CaptureSessionRecord(reader_id, Screen(1000, 800, 500, 400, 600), tracker, 0, NOW, "0"))
        reading = self.store.begin_reading(session.id or 0, self._studies[study], 0, NOW).id
        assert reading is not None
        spoken = [SpokenSentence(text, i * SECOND, (i + 1) * SECOND, text_origin) for i, text in enumerate(sentences)]
        self.store.append(reading, RawBatch(GazeSamples.blank(0, origin), sentences=tuple(spoken)))
        self.store.end_reading(reading, state, 10 * SECOND)
        if recipe is not None:
            self.derive(reading, gaze_on or {}, recipe)
        return reading

    def derive(self, reading: int, gaze_on: dict[int, str], recipe: str, inputs: dict[str, int | None] | None = None) -> None:
        floats, whole = np.array([1.0, 2.0]), np.array([0, 1])
        fixations = Fixations(floats, floats + 0.5, floats * 9, floats * 8, floats, floats, floats, floats, whole)
        visible = np.tile([0.0, 0.0, 90.0, 60.0], (2, 1))
        maps = []
        for i, sentence in enumerate(self.store.sentences(reading)):
            film = gaze_on.get(i)
            weight = np.array([0.2, 0.3]) if film else np.zeros(0)
            k = len(weight)
            maps.append(
                SentenceGazeMap(
                    sentence, film or "", (0.0, 1.0), "span", whole[:k], floats[:k] * 9, floats[:k] * 8, floats[:k], weight, visible[:k]
                )
            )
        self.store.save_derivation(reading, {"name": recipe}, fixations, [m for m in maps if m.instance_uid], inputs)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Store.open(tmp_path / "library.sqlite", create=True) as store:
        yield Library(store)


def export(library: Library, tmp_path: Path, **options) -> Manifest:
    manifest = export_examples(library.store, tmp_path / "manifest.json", **options)
    assert Manifest.load(tmp_path / "manifest.json").hash == manifest.hash
    return manifest


def label(text: str) -> ReportSentence:
    return ReportSentence(text, "label")


def test_a_reading_becomes_an_example_with_gaze_where_there_was_any(library: Library, tmp_path: Path) -> None:
    library.film("1.1", "P1", labels=("Edema",))
    library.read("study-1.1", ["There is edema.", "The bones are fine."], gaze_on={0: "1.1"})
    (example,) = export(library, tmp_path).examples
    assert (example.patient, example.labels, example.gaze_origin) == ("P1", ("Edema",), "simulated")
    assert (example.film, example.sha256, example.image_shape) == ("ab/1.1.dcm", "1.1" * 8, SHAPE)
    first, second = example.sentences
    assert (first.text, first.origin) == ("There is edema.", "simulated")
    assert first.gaze is not None
    assert first.gaze.x_px.tolist() == [9.0, 18.0]
    assert first.gaze.weight_s.tolist() == [0.2, 0.3]
    assert second.gaze is None


def test_no_name_of_a_reader_leaves_the_library(library: Library, tmp_path: Path) -> None:
    library.film("1.1", "P1")
    library.film("1.2", "P2")
    library.read("study-1.1", ["Fine."], gaze_on={0: "1.1"})
    library.read("study-1.2", ["Fine."], gaze_on={0: "1.2"}, reader="Dr Other")
    manifest = export(library, tmp_path)
    assert {e.reader for e in manifest.examples} == {"reader-1", "reader-2"}
    written = (tmp_path / "manifest.json").read_text(encoding="utf-8")
    assert not re.search(r"Petra|Muster|Other", written)
    assert str(tmp_path) not in written


def test_only_signed_off_and_recovered_readings_count(library: Library, tmp_path: Path) -> None:
    library.film("1.1", "P1")
    for state in ("complete", "recovered", "discarded", "aborted"):
        library.read("study-1.1", [f"This one is {state}."], gaze_on={0: "1.1"}, state=state)
    texts = {e.sentences[0].text for e in export(library, tmp_path).examples}
    assert texts == {"This one is complete.", "This one is recovered."}


def test_a_film_read_twice_gives_two_examples_of_one_patient_in_one_split(library: Library, tmp_path: Path) -> None:
    for name in ("1.1", "1.2", "1.3"):
        library.film(name, f"P{name}")
        library.read(f"study-{name}", ["One."], gaze_on={0: name})
        library.read(f"study-{name}", ["Two."], gaze_on={0: name}, reader="Dr Other")
    manifest = export(library, tmp_path, fractions=(0.4, 0.3, 0.3))
    assert len(manifest.examples) == 6
    assert len({e.id for e in manifest.examples}) == 6
    assert len({(e.patient, e.split) for e in manifest.examples}) == 3


def test_of_two_films_the_one_that_was_looked_at_counts(library: Library, tmp_path: Path) -> None:
    for name in ("1.1", "1.2"):
        library.film(name, "P1", study="both")
        library.film(f"2{name}", "P2", study="neither")
    library.read("both", ["Looked at the second.", "Looked nowhere."], gaze_on={0: "1.2"})
    library.read("neither", ["Said without looking."])
    examples = export(library, tmp_path).examples
    assert {(e.patient, e.film, e.gaze_origin) for e in examples} == {
        ("P1", "ab/1.2.dcm", "simulated"),
        ("P2", "ab/21.1.dcm", ""),
        ("P2", "ab/21.2.dcm", ""),
    }
    assert all(s.gaze is None for e in examples if e.patient == "P2" for s in e.sentences)


def test_films_that_nobody_read_bring_the_sentences_of_their_labels(library: Library, tmp_path: Path) -> None:
    library.film("1.1", "P1", labels=("Edema",), report=[label("There is edema."), label("—")])
    library.film("1.2", "P2")
    (example,) = export(library, tmp_path).examples
    assert (example.reader, example.gaze_origin) == ("", "")
    assert [(s.text, s.origin, s.gaze) for s in example.sentences] == [("There is edema.", "label", None)]


def test_words_of_a_reading_go_before_words_of_the_label(library: Library, tmp_path: Path) -> None:
    library.film("1.1", "P1", report=[label("From the label.")])
    library.read("study-1.1", ["From the reader."], gaze_on={0: "1.1"}, text_origin="typed", origin="mouse")
    manifest = export(library, tmp_path)
    assert [s.text for e in manifest.examples for s in e.sentences] == ["From the reader."]
    labels_only = export(library, tmp_path, text_origins=("label",))
    assert [s.text for e in labels_only.examples for s in e.sentences] == ["From the label."]


def test_words_of_two_origins_are_refused_until_chosen(library: Library, tmp_path: Path) -> None:
    library.film("1.1", "P1", report=[label("From a label.")])
    library.film("1.2", "P2")
    library.read("study-1.2", ["Typed.", "Typed too."], gaze_on={0: "1.2"}, text_origin="typed", origin="mouse")
    with pytest.raises(InterchangeError, match=r"words of several origins: label \(1 sentences\), typed \(2 sentences\).*--text-origin"):
        export(library, tmp_path)
    assert not (tmp_path / "manifest.json").exists()
    typed = export(library, tmp_path, text_origins=("typed",))
    assert [e.patient for e in typed.examples] == ["P2"]
    both = export(library, tmp_path, text_origins=("typed", "label"))
    assert {e.patient for e in both.examples} == {"P1", "P2"}
    counts = {name: sum(c.get(name, 0) for c in both.counts.values()) for name in ("text:typed", "text:label", "gaze:mouse")}
    assert counts == {"text:typed": 2, "text:label": 1, "gaze:mouse": 1}


def test_gaze_of_two_origins_is_refused_until_chosen(library: Library, tmp_path: Path) -> None:
    library.film("1.1", "P1")
    library.film("1.2", "P2")
    library.read("study-1.1", ["By tracker."], gaze_on={0: "1.1"}, origin="tracker")
    library.read("study-1.2", ["By mouse."], gaze_on={0: "1.2"}, origin="mouse")
    library.read("study-1.2", ["Without gaze."], origin="mouse")
    with pytest.raises(InterchangeError, match=r"gaze of several origins: mouse \(1 readings\), tracker \(1 readings\).*--gaze-origin"):
        export(library, tmp_path)
    chosen = export(library, tmp_path, gaze_origins=("tracker",))
    assert {e.sentences[0].text for e in chosen.examples} == {"By tracker.", "Without gaze."}
    assert len(export(library, tmp_path, gaze_origins=("tracker", "mouse")).examples) == 3
    with pytest.raises(InterchangeError, match=r"no gaze of origin replay. Present: mouse, tracker"):
        export(library, tmp_path, gaze_origins=("replay",))


def test_readings_that_were_not_processed_are_named_or_left_out(library: Library, tmp_path: Path) -> None:
    library.film("1.1", "P1")
    library.read("study-1.1", ["Processed."], gaze_on={0: "1.1"})
    library.read("study-1.1", ["Not."], recipe=None)
    with pytest.raises(InterchangeError, match=r"1 readings have not been processed.*egma process"):
        export(library, tmp_path)
    manifest = export(library, tmp_path, skip_unprocessed=True)
    assert [e.sentences[0].text for e in manifest.examples] == ["Processed."]


def test_readings_that_changed_since_are_named_or_left_out(library: Library, tmp_path: Path) -> None:
    library.film("1.1", "P1")
    library.read("study-1.1", ["As it was."], gaze_on={0: "1.1"})
    changed = library.read("study-1.1", ["Heart lage."], gaze_on={0: "1.1"})
    library.store.save_revision(changed, [replace(s, text="Heart large.") for s in library.store.sentences(changed)], "edited")
    with pytest.raises(InterchangeError, match=r"of 1 readings changed after they were processed.*egma process again"):
        export(library, tmp_path)
    manifest = export(library, tmp_path, skip_unprocessed=True)
    assert [e.sentences[0].text for e in manifest.examples] == ["As it was."]
    library.derive(changed, {0: "1.1"}, "r", {"revision": library.store.revision_id(changed)})
    manifest = export(library, tmp_path)
    assert {e.sentences[0].text for e in manifest.examples} == {"As it was.", "Heart large."}
    assert all(e.sentences[0].gaze is not None for e in manifest.examples), "a revised sentence has the gaze of its own map"


def test_a_sentence_that_names_somebody_stays_until_somebody_looked(library: Library, tmp_path: Path) -> None:
    library.film("1.1", "P1", report=[label("Seen by Dr. Roe.")])
    library.film("1.2", "P2")
    library.read("study-1.2", ["Clear.", "Told Dr. Doe on March 3."], text_origin="typed")
    both = {"text_origins": ("typed", "label")}
    with pytest.raises(PrivacyError, match=r"2 texts .*reading 1, sentence 2 \(name, date\); study 1, sentence 1 of its report") as refused:
        export(library, tmp_path, **both)
    assert "Doe" not in str(refused.value) and not (tmp_path / "manifest.json").exists()
    with pytest.raises(PrivacyError, match="1 text may"):
        export(library, tmp_path, text_origins=("typed",))
    assert len(export(library, tmp_path, allow_text=True, **both).examples) == 2


def test_what_simulated_readers_say_is_not_looked_through(library: Library, tmp_path: Path) -> None:
    library.film("1.1", "P1")
    library.read("study-1.1", ["Seen by Dr. Roe."])
    assert len(export(library, tmp_path).examples) == 1


def test_readings_of_a_reader_who_withdrew_stay_in_the_library(library: Library, tmp_path: Path) -> None:
    library.film("1.1", "P1")
    library.read("study-1.1", ["By A."], reader="Dr A")
    library.read("study-1.1", ["By B."], reader="Dr B", recipe=None)
    library.store.set_consent("Dr A", Consent(NOW, "1", ("gaze",), True))
    library.store.set_consent("Dr B", Consent(NOW, "1", ("gaze",), False))
    assert [e.sentences[0].text for e in export(library, tmp_path).examples] == ["By A."]


def test_gaze_of_two_recipes_does_not_mix(library: Library, tmp_path: Path) -> None:
    library.film("1.1", "P1")
    old = library.read("study-1.1", ["One."], gaze_on={0: "1.1"}, recipe="old")
    new = library.read("study-1.1", ["Two."], gaze_on={0: "1.1"}, recipe="new")
    with pytest.raises(InterchangeError, match="different recipes"):
        export(library, tmp_path)
    library.derive(old, {0: "1.1"}, "new")
    derivation = library.store.derivation(new)
    assert derivation is not None
    manifest = export(library, tmp_path, recipe_hash=derivation.recipe_hash)
    assert manifest.recipe_hash == derivation.recipe_hash
    assert len(manifest.examples) == 2


def test_a_split_that_a_data_set_gave_is_kept(library: Library, tmp_path: Path) -> None:
    for i in range(6):
        split = ("train", "val", "test")[i % 3]
        library.film(f"1.{i}", f"P{i}", report=[label("Words.")], split={"val": "validation"}.get(split, split))
    manifest = export(library, tmp_path)
    assert {e.patient: e.split for e in manifest.examples} == {
        "P0": "train",
        "P1": "validation",
        "P2": "test",
        "P3": "train",
        "P4": "validation",
        "P5": "test",
    }


def test_studies_whose_splits_leak_are_refused(library: Library, tmp_path: Path) -> None:
    library.film("1.1", "P1", report=[label("Words.")], split="train")
    library.film("1.2", "P1", report=[label("Words.")], split="test")
    with pytest.raises(InterchangeError, match="more than one split, the first being P1"):
        export(library, tmp_path)


def test_an_empty_library_has_nothing_to_export(library: Library, tmp_path: Path) -> None:
    library.film("1.1", "P1")
    with pytest.raises(InterchangeError, match="nothing to export"):
        export(library, tmp_path)


def test_the_same_library_gives_the_same_manifest(library: Library, tmp_path: Path) -> None:
    for i in range(4):
        library.film(f"1.{i}", f"P{i}")
        library.read(f"study-1.{i}", ["Words."], gaze_on={0: f"1.{i}"})
    assert export(library, tmp_path, seed=1).hash == export(library, tmp_path, seed=1).hash
